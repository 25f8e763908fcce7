"""The scripted verifier: lays a task beside the case that it was written from."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import Any

from eigen_graph.core import Case
from eigen_graph.models.scripted.part import Line, Part, block


def play(part: Part) -> Line:
    """The verification; broken off once in a while, right when asked again."""
    _, case = part.played()
    found = judge(case, block(part.messages, "task"))
    slipped = not part.own and part.faults.slips("verifier", part.scene, part.attempt, part.faults.rate / 2)
    return Line(answer=found, broken=slipped)


def judge(case: Case, task: dict[str, Any]) -> dict[str, Any]:
    """Sound, or the first call or fact in which the task is not its case.

    Args:
        case: What the task should state.
        task: What the prompt shows of it: `solution` (calls `by, name, arguments`) and
            `agent_must_say` (each with its `fact`).
    """
    for written, right in zip_longest(_calls(task["solution"]), _calls(_solution(case)), fillvalue=""):
        if written != right:
            return _flawed(f"the reference solution lacks {right}" if right else f"nothing asks for {written}")
    for demand in task["agent_must_say"]:
        if (fact := demand["fact"]) not in case.facts:
            return _flawed(f"the agent must say {fact!r}, which nobody tells it and no result shows")
    return {"decision": "sound", "reason": ""}


def _flawed(reason: str) -> dict[str, Any]:
    return {"decision": "flawed", "reason": reason[:500]}


def _solution(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "by": "agent" if action.requestor == "assistant" else "user",
            "name": action.name,
            "arguments": action.model_dump(mode="json")["arguments"],
        }
        for action in case.actions
    ]


def _calls(solution: list[dict[str, Any]]) -> list[str]:
    return [
        f"the {call['by']}'s call {call['name']}({json.dumps(call['arguments'], ensure_ascii=False, sort_keys=True)})"
        for call in solution
    ]
