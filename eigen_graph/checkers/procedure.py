"""Whether the agent kept to the procedure that its tools ask for: a yes before, an identity check before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from eigen_graph.checkers.evidence import Made
    from eigen_graph.core import Message
    from eigen_graph.core.tool import BoundTool


class Breach(NamedTuple):
    """A call that should not have been made then."""

    at: int
    """Position of the message that made it."""
    reason: str


def breaches(made: Sequence[Made], messages: Sequence[Message], toolbox: Mapping[str, BoundTool]) -> Iterator[Breach]:
    """The agent's writes that succeeded although what `ToolTraits` asks for before them was missing."""
    for index, call in enumerate(made):
        if call.error or not call.writes or call.actor != "assistant":
            continue
        traits = toolbox[call.name].traits
        if traits.after and not any(
            earlier.name in traits.after and not earlier.error and earlier.at < call.at for earlier in made[:index]
        ):
            yield Breach(call.at, f"{call.name} was called before {' or '.join(traits.after)} had succeeded")
        if traits.confirm and (reason := _unconfirmed(index, made, messages)):
            yield Breach(call.at, f"{call.name} was called without the user's yes: {reason}")


def _unconfirmed(index: int, made: Sequence[Made], messages: Sequence[Message]) -> str:
    """Why a call is not covered by a yes; empty when it is.

    A yes is a message of the user that answers one of the agent, itself not the dialogue's opening. It covers the
    calls that follow it until somebody speaks. What stands between the yes and the call may write or repeat a
    look-up made before; a new look-up shows that the agent had proposed what it did not yet know.
    """
    call = made[index]
    texts = [i for i in range(call.at) if _is_text(messages[i])]
    speakers = [messages[i].role for i in texts]
    if not texts or speakers[-1] != "user":
        return "the last word was the agent's own"
    proposal = _last(speakers, "assistant")
    if "user" not in speakers[: max(proposal, 0)]:
        return "the user had only opened the dialogue, nothing was proposed"
    yes = texts[proposal + 1]
    for between in made[:index]:
        if between.at < yes or between.actor != "assistant" or between.writes or between.error:
            continue
        if not any(
            m.at < yes and not m.error and (m.name, m.arguments) == (between.name, between.arguments) for m in made
        ):
            return f"{between.name} was looked up only after it"
    return ""


def _is_text(message: Message) -> bool:
    return message.role in ("assistant", "user") and not message.tool_calls and bool(message.content)


def _last(speakers: Sequence[str], who: str) -> int:
    return max((index for index, speaker in enumerate(speakers) if speaker == who), default=-1)
