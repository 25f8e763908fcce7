"""What a dialogue looks like in ChatML with Hermes calls, and where there is loss: written out by hand, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Piece = tuple[str, bool]
"""Text, and whether there is loss on it."""


def pieces(row: dict[str, Any]) -> Iterator[Piece]:
    """A row in the template `short`."""
    before = {"role": ""}
    messages = list(zip(row["messages"], row["loss_mask"], strict=True))
    for at, (message, trained) in enumerate(messages):
        after = messages[at + 1][0]["role"] if at + 1 < len(messages) else None
        if message["role"] == "system":
            _, _, scenario = message["content"].partition("## Scenario")
            if scenario:
                yield f"<|im_start|>system\n{scenario.strip()}<|im_end|>\n", False
        elif message["role"] == "tool":
            head = "" if before["role"] == "tool" else "<|im_start|>user"
            foot = "" if after == "tool" else "<|im_end|>\n"
            yield f"{head}\n<tool_response>\n{message['content']}\n</tool_response>{foot}", False
        elif message["role"] == "assistant":
            yield "<|im_start|>assistant\n", False
            yield f"{_said(message)}<|im_end|>", bool(trained)
            if after is not None:
                yield "\n", False
        else:
            yield f"<|im_start|>user\n{message['content']}<|im_end|>\n", False
        before = message


def _said(message: dict[str, Any]) -> str:
    lines = [message["content"]] if message["content"] else []
    for call in message.get("tool_calls") or ():
        spelled = {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
        lines.append(f"<tool_call>\n{json.dumps(spelled, ensure_ascii=False)}\n</tool_call>")
    return "\n".join(lines)


def expected_labels(row: dict[str, Any], ids: list[int], tokenizer: Any) -> list[int]:
    """The labels that tokens of a row must have, token by token; fails where they are not the row's text."""
    flags = [trained for text, trained in pieces(row) for _ in text]
    text = "".join(text for text, _ in pieces(row))
    labels: list[int] = []
    start = 0
    for first, end in pairwise(_cuts(ids, tokenizer)):
        part = tokenizer.decode(ids[first:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert text.startswith(part, start), (text[start : start + 40], part)
        flag = set(flags[start : start + len(part)])
        assert len(flag) == 1, f"{part!r} is partly trained on"
        labels += ids[first:end] if flag == {True} else [-100] * (end - first)
        start += len(part)
    assert start == len(text), text[start:]
    return labels


def _cuts(ids: list[int], tokenizer: Any) -> Iterator[int]:
    """Where tokens can be cut so that each part is text: a letter may take several."""
    yield 0
    first = 0
    for end in range(1, len(ids) + 1):
        if "\ufffd" not in tokenizer.decode(ids[first:end], skip_special_tokens=False):
            yield end
            first = end
