"""Dialogues as OpenAI's fine-tuning takes them: chat JSONL with tools, and a weight where nothing is to be learned."""

from __future__ import annotations

import re
from typing import Any

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.runs.datasets.dialogues import agent_examples
from eigen_graph.runs.rows import InstanceRow

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_TOOLS = 128


def openai_example(row: InstanceRow, domain: Domain) -> dict[str, Any]:
    """One line of a fine-tuning file: the agent's view of a dialogue, the user's own calls not in it.

    Args:
        row: An accepted instance.
        domain: The domain it belongs to.
    """
    (example,) = agent_examples(row, domain, "dialogue")
    messages = []
    for message, trained in zip(example["messages"], example["loss_mask"], strict=True):
        kept = {key: value for key, value in message.items() if message["role"] != "tool" or key != "name"}
        if message["role"] == "assistant" and not trained:
            kept["weight"] = 0
        messages.append(kept)
    return {"messages": messages, **({"tools": example["tools"]} if example["tools"] else {})}


def require_openai_tools(domain: Domain) -> None:
    """Refuse a domain whose tools OpenAI would.

    Raises:
        EigenGraphError: There are too many, or one has a name that OpenAI does not take.
    """
    names = list(domain.agent.toolbox)
    if len(names) > _MAX_TOOLS:
        raise EigenGraphError(f"format openai: the agent of {domain.name!r} has {len(names)} tools, OpenAI takes 128")
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise EigenGraphError(
            f"format openai: tool {wrong[0]!r:.80} of {domain.name!r} has a name that OpenAI does not take "
            "(letters, digits, _ and -, 64 at most): rename it, or export another format"
        )
