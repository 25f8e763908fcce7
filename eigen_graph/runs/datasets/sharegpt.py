"""Dialogues in ShareGPT's form as LLaMA-Factory and others read it: `conversations` of `from` and `value`, and `tools`.

Its readers want human (or observation) and gpt (or function_call) in turn, beginning with the human. So the fixed
greeting is left out, calls made at once follow each other, and a text beside a call, which nobody heard, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from eigen_graph.core import Domain
from eigen_graph.runs.datasets.dialogues import agent_examples
from eigen_graph.runs.rows import InstanceRow

DATASET_INFO = "dataset_info.json"


def sharegpt_example(row: InstanceRow, domain: Domain) -> dict[str, Any]:
    """The agent's view of a dialogue.

    Args:
        row: An accepted instance.
        domain: The domain it belongs to.
    """
    (example,) = agent_examples(row, domain, "dialogue")
    system, *messages = example["messages"]
    while messages and messages[0]["role"] == "assistant":
        del messages[0]
    turns = [{"from": who, "value": value} for who, value in _turns(messages)]
    functions = [tool["function"] for tool in example["tools"]]
    return {
        "conversations": [{"from": "system", "value": system["content"]}, *turns],
        "tools": json.dumps(functions, ensure_ascii=False),
    }


def dataset_info(name: str, file: str) -> str:
    """What LLaMA-Factory wants to be told of the file beside it, as JSON text."""
    info = {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "tools": "tools"},
        "tags": {
            "role_tag": "from",
            "content_tag": "value",
            "user_tag": "human",
            "assistant_tag": "gpt",
            "observation_tag": "observation",
            "function_tag": "function_call",
            "system_tag": "system",
        },
    }
    return json.dumps({name: info}, indent=2) + "\n"


def _turns(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for at, message in enumerate(messages):
        calls = message.get("tool_calls") or ()
        found = takewhile(lambda later: later["role"] == "tool", messages[at + 1 :])
        results = {result["tool_call_id"]: result["content"] for result in found}
        for number, call in enumerate(calls, 1):
            yield "function_call", _called(call["function"])
            if results or number < len(calls):  # a dialogue may end with a call
                yield "observation", results.get(call["id"], "")
        if not calls and message["role"] != "tool":
            yield ("human" if message["role"] == "user" else "gpt"), message["content"]


def _called(function: dict[str, Any]) -> str:
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:  # what the agent gave was no JSON, and its environment refused it
        arguments = function["arguments"]
    return json.dumps({"name": function["name"], "arguments": arguments}, ensure_ascii=False)
