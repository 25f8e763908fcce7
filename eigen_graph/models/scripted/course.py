"""Which way a scripted role goes: through its planned fault, or straight on where the dialogue is past that already."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage

from eigen_graph.core import Beat


def course(own: Sequence[AIMessage], right: list[Beat], faulty: list[Beat]) -> list[Beat]:
    """The moves that go on from what a role has done so far.

    A dialogue that is continued keeps what an earlier attempt did. If that was right where this attempt's fault would
    have been, the fault does not occur; else positions would shift, and a move be skipped or made twice.

    Args:
        own: The role's messages so far, broken calls left out.
        right: Its moves without a fault.
        faulty: Its moves with the fault of this attempt.
    """
    parting = (at for at, (one, other) in enumerate(zip(right, faulty, strict=False)) if one is not other)
    at = next(parting, min(len(right), len(faulty)))
    past = at < min(len(own), len(right))
    return right if past and _is(own[at], right[at]) else faulty


def _is(message: AIMessage, beat: Beat) -> bool:
    if beat.call is None:
        return not message.tool_calls and message.text.strip() == beat.text.strip()
    made = [(call["name"], call["args"]) for call in message.tool_calls]
    return made == [(beat.call.name, dict(beat.call.arguments))]
