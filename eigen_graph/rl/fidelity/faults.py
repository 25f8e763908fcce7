"""What is wrong with a simulated user's turn, beside what the reference does there.

Only what is certain counts, for users speak freely: values, calls and stops are compared, words are not. One root gives
one fault: who stops early has not withheld anything, and who gives a wrong number has not withheld the right one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from eigen_graph.checkers.audit import leaked
from eigen_graph.checkers.grounding import today_of
from eigen_graph.core import STOP_MARKERS, Message, ToolCall, ToolError
from eigen_graph.rl.fidelity.turns import UserTurn, has_marker
from eigen_graph.rl.fidelity.values import Text, Value, lacking, values_in

FaultKind = Literal[
    "leak",
    "invented",
    "withheld",
    "wrong_tool",
    "wrong_arguments",
    "missed_call",
    "early_stop",
    "no_stop",
    "malformed",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
MEANING: dict[FaultKind, str] = {
    "leak": "says what it does not know yet",
    "invented": "says a value that nothing told it",
    "withheld": "lacks a value that the agent asked for",
    "wrong_tool": "calls what the reference does not call there",
    "wrong_arguments": "calls the right tool with other arguments",
    "missed_call": "speaks where a call is due",
    "early_stop": "ends the dialogue too soon, or amid its words",
    "no_stop": "does not end the dialogue when it is over",
    "malformed": "empty, broken, endless, or in the agent's place",
}

_LONGEST = 4_000
"""Characters of a user's message; beyond, it is none."""
_SHOWN = 240
_FEW_WORDS = 5
_REMAINS = re.compile(r"</?tool_(?:call|response)s?>|<\|[^|<>\n]{1,40}\|>|```")
_AS_AGENT = re.compile(
    r"^\s*(?:agent|assistant|system|user)\s*:|\bhow (?:can|may) I (?:help|assist) you\b"
    r"|\banything else (?:that )?I can (?:help|assist|do)\b",
    re.IGNORECASE,
)
_HALF_MARKER = re.compile(r"#{2,}\s*(?:STOP|TRANSFER|OUT-OF-SCOPE)|(?:STOP|TRANSFER|OUT-OF-SCOPE)\s*#{2,}")
_WORD = re.compile(r"[^\W_]+")
_ASKS = re.compile(r"\?|\b(?:please|tell|give|need|may i|let me know|send|say|what|which|who)\b", re.IGNORECASE)
_ASKS_NAME = re.compile(r"\b(?:names?|who|details|yourself)\b", re.IGNORECASE)
_OFFERS_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)


class Fault(BaseModel):
    """Something that a user must not do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    task: str
    turn: int
    """Position of the reference's message that this stands in place of."""
    said: str
    """What the user said or called, cut."""
    why: str


def faults_in(turn: UserTurn, reply: Message | None, problem: str = "") -> tuple[Fault, ...]:
    """What is wrong with a reply at a turn of the reference; each kind at most once.

    Args:
        turn: The turn.
        reply: What the user model said or called there; None: nothing that could be used.
        problem: Why there is none.
    """
    found: dict[FaultKind, str] = {}
    if reply is None:
        found["malformed"] = problem or "no reply"
    else:
        for kind, why in _judged(turn, reply):
            found.setdefault(kind, why)
    said = _shown(reply)
    return tuple(
        Fault(kind=kind, task=turn.task.id, turn=turn.at, said=said, why=_cut(why)) for kind, why in found.items()
    )


def _judged(turn: UserTurn, reply: Message) -> Iterator[tuple[FaultKind, str]]:
    text = (reply.content or "").strip()
    if why := _malformed(turn, reply, text):
        yield "malformed", why
    elif reply.tool_calls:
        yield from _miscalled(turn, reply.tool_calls)
    else:
        yield from _misspoken(turn, text)


def _malformed(turn: UserTurn, reply: Message, text: str) -> str:
    if broken := [call for call in reply.tool_calls if isinstance(call.arguments, str)]:
        return f"the arguments of {broken[0].name:.80} are no JSON object"
    return "" if reply.tool_calls else _no_message(turn, text)


def _no_message(turn: UserTurn, text: str) -> str:
    if not text:
        return "it says nothing"
    if len(text) > _LONGEST:
        return f"{len(text)} characters are no message of a user"
    if remains := _REMAINS.search(text):
        return f"{remains[0]!r} does not belong in a message"
    if _AS_AGENT.search(text):
        return "it speaks as the agent"
    words = _words(text)
    if len(words) >= _FEW_WORDS and any(
        message.role == "assistant" and _words(message.content or "") == words for message in turn.history
    ):
        return "it repeats the agent's message"
    return ""


def _miscalled(turn: UserTurn, calls: tuple[ToolCall, ...]) -> Iterator[tuple[FaultKind, str]]:
    due = list(turn.calls)
    for call in calls:
        same = next((other for other in due if _same(turn, call, other)), None)
        if same is not None:
            due.remove(same)
        elif expected := next((other for other in due if other.name == call.name), None):
            yield "wrong_arguments", f"the reference calls it with {expected.arguments}"
        elif turn.calls:
            names = ", ".join(dict.fromkeys(other.name for other in turn.calls))
            yield "wrong_tool", f"the reference calls {names}"
        else:
            yield "wrong_tool", "the reference ends the dialogue here" if turn.ends else "the reference speaks here"


def _misspoken(turn: UserTurn, text: str) -> Iterator[tuple[FaultKind, str]]:
    stops = has_marker(text)
    words = text
    for marker in STOP_MARKERS:
        words = words.replace(marker, " ; ")
    if stops and not turn.ends:
        yield "early_stop", f"the reference goes on: {_shown(turn.expected)}"
    elif stops and _goes_on(text):
        yield "early_stop", "words follow the stop marker"
    elif turn.ends and not stops:
        yield "no_stop", "the reference ends the dialogue here"
    elif _HALF_MARKER.search(words):
        yield "early_stop", "a broken stop marker stands in its words"
    elif turn.calls:
        yield "missed_call", f"the reference calls {turn.calls[0].name}"
    today = today_of(turn.domain.now)
    values = values_in(words, today)
    wrong = dict(_from_nowhere(turn, words, values))
    yield from wrong.items()
    if not (wrong or stops or turn.ends or turn.calls):
        yield from _withheld(turn, words, values, today)


def _goes_on(text: str) -> bool:
    """Words stand after the first stop marker."""
    first = min((text.find(marker), marker) for marker in STOP_MARKERS if marker in text)
    rest = text[first[0] + len(first[1]) :]
    for marker in STOP_MARKERS:
        rest = rest.replace(marker, " ")
    return _WORD.search(rest) is not None


def _from_nowhere(turn: UserTurn, words: str, values: list[Value]) -> Iterator[tuple[FaultKind, str]]:
    """Values without a source: somebody else's knowledge is leaked, nobody's is invented."""
    for fact in leaked(words, turn.task.tags.hidden, list(turn.told)):
        yield "leak", f"nothing has told it {fact!r:.80}"
    own = Text(turn.expected.content or "", today_of(turn.domain.now))
    for value in values:
        missing = lacking(value, turn.known)
        if not missing or (value.kind == "name" and missing != value.text.split()):  # "Dear Kathryn" is no other name
            continue
        if not lacking(value, own):
            continue  # a user who wrote the reference made it up: this one does no worse
        kind: FaultKind = "leak" if not lacking(value, turn.untold) else "invented"
        yield kind, f"nothing has told it {', '.join(map(repr, missing)):.80}"


def _withheld(turn: UserTurn, words: str, values: list[Value], today: date) -> Iterator[tuple[FaultKind, str]]:
    """What the reference gives when the agent asks, and the reply does not."""
    if turn.opens or not _ASKS.search(turn.asked):
        return
    reply, own = Text(words, today), Text(turn.expected.content or "", today)
    names = _ASKS_NAME.search(turn.asked) is not None
    given = [
        value
        for value in values_in(turn.expected.content or "", today)
        if lacking(value, turn.said) and (names or value.kind != "name")
    ]
    known = [value for value in given if not lacking(value, turn.brief)]
    missing = [value for value in known if lacking(value, reply)]
    if _OFFERS_CHOICE.search(turn.asked):
        instead = [
            value
            for value in values
            if value.kind != "name"
            and not lacking(value, turn.brief)
            and lacking(value, turn.said)
            and lacking(value, own)
        ]
        missing = missing[len(instead) :]
    if missing and (len(missing) == len(known) or turn.task.tags.persona != "terse"):  # who gives one thing at a time
        yield "withheld", f"asked for, known and not given: {', '.join(value.text for value in missing)}"
        return
    seen = [value for value in given if value not in known and not lacking(value, turn.seen)]
    if seen and not known and all(lacking(value, reply) for value in seen):
        yield "withheld", f"asked for, seen and not told: {', '.join(value.text for value in seen)}"


def _same(turn: UserTurn, one: ToolCall, other: ToolCall) -> bool:
    return one.name == other.name and _plain(turn, one) == _plain(turn, other)


def _plain(turn: UserTurn, call: ToolCall) -> Any:
    """Arguments as the tool reads them: what is left out has its default, and `"6"` may be 6."""
    side = turn.domain.user
    bound = side.toolbox.get(call.name) if side else None
    if bound is None or not isinstance(call.arguments, Mapping):
        return call.arguments
    try:
        return bound.as_json(call.arguments)
    except (ValidationError, ToolError, ValueError, TypeError):
        return call.arguments


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _shown(message: Message | None) -> str:
    if message is None:
        return ""
    if not message.tool_calls:
        return _cut(message.content or "")
    return _cut("; ".join(f"{call.name:.80}({call.arguments})" for call in message.tool_calls))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
