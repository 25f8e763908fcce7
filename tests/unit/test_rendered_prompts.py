"""Every word that a model is given, as a snapshot: a change to a prompt is read before it is landed.

`pytest tests/unit/test_rendered_prompts.py --snapshot-update` writes it anew.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr
from syrupy.assertion import SnapshotAssertion
from workflows import gated

from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, pipeline_for, planner
from eigen_graph.models import ScriptedChat


class Recorder(ScriptedChat):
    """Keeps the first and the last conversation of each role."""

    _seen: dict[str, list[list[BaseMessage]]] = PrivateAttr(default_factory=dict)

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self._seen.setdefault(kwargs["eigen"]["role"], []).append(list(messages))
        return await super()._agenerate(messages, *args, **kwargs)


def shown(messages: list[BaseMessage]) -> str:
    parts = []
    for message in messages:
        calls = "".join(f"\n-> {call['name']} {call['args']}" for call in getattr(message, "tool_calls", ()))
        parts.append(f"[{message.type}]\n{message.text}{calls}")
    return "\n\n".join(parts)


@pytest.mark.parametrize("name", ["hotel", "broadband"])
async def test_what_each_role_is_given(name: str, snapshot: SnapshotAssertion) -> None:
    recorder = Recorder(domains={name: load_domain(name)})
    context = Context(domain=name, model=recorder, workflow=gated())
    planned = await planner.ainvoke({"count": 2, "seed": 1}, context=context)
    done = await pipeline_for(gated()).ainvoke({"id": "t", "seed": 1, "plan": planned["plans"][0]}, context=context)
    assert done["fate"] == "accepted"
    for role in ("planner", "writer", "verifier", "user", "agent", "reviewer"):
        conversation = recorder._seen[role][-1 if role in {"user", "agent"} else 0]
        assert shown(conversation) == snapshot(name=role)
