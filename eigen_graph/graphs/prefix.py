"""How much of a dialogue can be kept when it is to be continued otherwise, and who goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eigen_graph.core import STOP_MARKERS, Actor, EigenGraphError, Message


def before_fault(messages: Sequence[dict[str, Any]], evidence: Sequence[int]) -> list[dict[str, Any]]:
    """What came before the first fault: whole turns, every call with its results, nobody gone yet.

    Args:
        messages: A dialogue's, as JSON.
        evidence: Indices of the messages that show what is wrong with it, in any order.

    Returns:
        Its first messages; none when nothing shows the fault, or it lies in the user's first words.
    """
    cut = min(min(evidence, default=0), len(messages) - 1)
    cut = next((index for index, data in enumerate(messages[:cut]) if _ends(Message.from_json(data))), cut)
    while cut > 0 and messages[cut]["role"] == "tool":
        cut -= 1
    return list(messages[:cut]) if cut > 1 else []


def turn_after(messages: Sequence[dict[str, Any]]) -> Actor:
    """Whose turn it is: whoever was addressed, or whose calls have just been answered.

    Args:
        messages: The first messages of a dialogue, as JSON.

    Raises:
        EigenGraphError: The dialogue cannot go on from here: it has ended, or a call has no result.
    """
    spoken = next((index for index in reversed(range(len(messages))) if messages[index]["role"] != "tool"), -1)
    last = Message.from_json(messages[spoken]) if spoken >= 0 else None
    if last is None or len(last.tool_calls) != len(messages) - 1 - spoken:
        raise EigenGraphError(f"the dialogue cannot go on after message {len(messages) - 1}: a call lacks its result")
    if _ends(last):
        raise EigenGraphError(f"the dialogue cannot go on after message {spoken}: the user has ended it")
    if last.tool_calls:
        return "user" if last.role == "user" else "assistant"
    return "assistant" if last.role == "user" else "user"


def _ends(message: Message) -> bool:
    said = message.content or ""
    return message.role == "user" and not message.tool_calls and any(marker in said for marker in STOP_MARKERS)
