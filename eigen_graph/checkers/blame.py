"""Whose fault a failed dialogue is, by rule: no model is asked, the same dialogue always gets the same answer."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError

from eigen_graph.checkers.facts import unsaid
from eigen_graph.core import Executed, ToolError

if TYPE_CHECKING:
    from eigen_graph.checkers.verdict import Blame, Verdict
    from eigen_graph.core import Action, Actor, Domain, Task, Trajectory
    from eigen_graph.core.tool import BoundTool

_ENDINGS: dict[str, Blame] = {
    "infrastructure_error": "infrastructure",
    "timeout": "infrastructure",
    "unexpected_error": "infrastructure",
    "user_error": "user",
    "agent_error": "agent",
}
_BROKEN_TOOL = re.compile(r"Error: (?!ToolError|ValidationError)[A-Z]\w*(?:Error|Exception)\b")
"""What `Environment` makes of an exception that is no refusal."""
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_ASKS = re.compile(r"\?|\b(please|let me know|tell me|could you|can you|would you|i need|shall i)\b", re.IGNORECASE)
IS_FAREWELL = re.compile(
    r"\b(anything|something) (else|more)\b|\bfurther\b|\bif (you|there)\b|\bhow (can|may) i help\b|\bany other\b"
    r"|\bfeel free\b|\bthank",
    re.IGNORECASE,
)


class Attribution(NamedTuple):
    """Whose fault it is, and what shows it."""

    blame: Blame | None
    """None: nothing failed."""
    evidence: tuple[int, ...]
    """Positions of the messages that show it, in order."""
    reason: str


class Expected:
    """What a task's solutions hold, worked out once for many dialogues.

    Args:
        task: The task.
        domain: Its domain, which knows what writes.
    """

    def __init__(self, task: Task, domain: Domain) -> None:
        self.domain = domain
        self.facts = task.criteria.communicate_info or ()
        self.actions = task.actions
        self.gold = [self.key_of(action.requestor, action.name, action.arguments) for action in task.actions]
        """A key for each of the task's actions."""
        others = {self.key_of(a.requestor, a.name, a.arguments) for actions in task.tags.alternatives for a in actions}
        self.wanted = {*self.gold, *others}
        """Keys of all that some solution holds."""
        self.allowed = Counter(self.gold) | Counter(others)
        """How often each may come."""

    def bound(self, actor: Actor, name: str) -> BoundTool | None:
        """A party's tool, if it has one of that name."""
        side = self.domain.agent if actor == "assistant" else self.domain.user
        return side.toolbox.get(name) if side else None

    def key_of(self, actor: Actor, name: str, arguments: Any) -> str:
        """Equal for calls that mean the same: arguments in any order, defaults given or not, 2 or 2.0."""
        if (bound := self.bound(actor, name)) is not None:
            with contextlib.suppress(ValidationError, ToolError):
                arguments = bound.as_json(arguments)
        return json.dumps([actor, name, arguments], sort_keys=True, default=str)


def attribute(
    verdict: Verdict, trajectory: Trajectory, task: Task, domain: Domain, expected: Expected | None = None
) -> Attribution:
    """Find whose fault a failed dialogue is.

    The rules, first that fits: how the dialogue ended (infrastructure, a party's own error, too many errors by one
    side, too many steps); a criterion that knows (its program broke, the task's own actions fail); a tool that broke
    under a right call; then, if the agent did nothing wrong, the user who meddled with their own devices unasked, or
    who stopped while the agent was still asking. Else the agent.

    Args:
        verdict: What the checker said; its `blame` is not looked at.
        trajectory: The dialogue.
        task: Its task.
        domain: Its domain, which knows what writes.
        expected: What the task expects, where it is known already.
    """
    if verdict.reward == 1:
        return Attribution(None, (), "")
    case = _Case(trajectory, expected or Expected(task, domain))
    return _by_ending(case) or _by_criterion(verdict) or _by_tool(case) or _by_user(case, verdict) or _by_agent(case)


class _Case:
    """What the rules look at."""

    def __init__(self, trajectory: Trajectory, expected: Expected) -> None:
        self._expected = expected
        self.messages = trajectory.messages
        self.termination = trajectory.termination
        self.problem = trajectory.problem
        self.calls = [call for call in trajectory.calls() if call.result is not None]
        """Calls that were run, in order."""
        done = [call for call in self.calls if not _failed(call)]
        keys = [self._key_of(call) for call in done]
        self.missing = [a for a, key in zip(expected.actions, expected.gold, strict=True) if key not in keys]
        """The task's actions that were not done."""
        self.stray: list[Executed] = []
        """Writes that no solution holds, or not as often."""
        allowed = expected.allowed.copy()
        for call, key in zip(done, keys, strict=True):
            if not self._writes(call.actor, call.call.name):
                continue
            if allowed[key] > 0:
                allowed[key] -= 1
            else:
                self.stray.append(call)

    @property
    def turn(self) -> Literal["user", "agent"]:
        """Whose turn it was when the dialogue ended."""
        if not self.messages:
            return "agent"
        end = self.messages[-1]
        heard_agent = end.role == "assistant" and not end.tool_calls
        return "user" if heard_agent or end.requestor == "user" or (end.role == "user" and end.tool_calls) else "agent"

    @property
    def agent_is_done(self) -> bool:
        """The agent has made its writes and no others, and has told every fact."""
        said = [m.content for m in self.messages if m.role == "assistant" and m.content and not m.tool_calls]
        wrote = not self.missing_writes("assistant") and not self.stray_of("assistant")
        return wrote and len(said) > 1 and not unsaid(said, self._expected.facts)

    def stray_of(self, actor: Actor) -> list[int]:
        """Positions of one party's stray writes."""
        return [call.at for call in self.stray if call.actor == actor]

    def missing_writes(self, actor: Actor | None = None) -> list[Action]:
        """The task's writes that were not done, of one party or of both."""
        return [a for a in self.missing if self._writes(a.requestor, a.name) and actor in (None, a.requestor)]

    def wanted(self, call: Executed) -> bool:
        """Whether some solution holds the call."""
        return self._key_of(call) in self._expected.wanted

    def _writes(self, actor: Actor, name: str) -> bool:
        bound = self._expected.bound(actor, name)
        return bound is not None and bound.traits.writes

    def _key_of(self, call: Executed) -> str:
        return self._expected.key_of(call.actor, call.call.name, call.call.arguments)


def _by_ending(case: _Case) -> Attribution | None:
    last = (len(case.messages) - 1,) if case.messages else ()
    if (blame := _ENDINGS.get(case.termination)) is not None:
        why = f": {case.problem}" if case.problem else ""
        return Attribution(blame, last, f"the dialogue ended by {case.termination}{why}")
    if case.termination == "context_window_exceeded":
        side = case.turn
        return Attribution(side, last, f"the dialogue grew longer than the context of the {side}'s model")
    if case.termination == "too_many_errors":
        errors: dict[Actor, list[int]] = {"assistant": [], "user": []}
        for call in case.calls:
            if _failed(call):
                errors[call.actor].append(call.at)
        guilty: Actor = "user" if len(errors["user"]) > len(errors["assistant"]) else "assistant"
        who: Blame = "user" if guilty == "user" else "agent"
        return Attribution(who, tuple(errors[guilty]), f"{len(errors[guilty])} failed calls of the {who}")
    if case.termination == "max_steps":
        return _by_length(case, last)
    return None


def _by_length(case: _Case, last: tuple[int, ...]) -> Attribution:
    """Who kept a dialogue from ending in time."""
    moves = Counter(message.role for message in case.messages)
    idle = case.missing_writes("user") and not case.missing_writes("assistant")
    if moves["user"] > moves["assistant"] and idle:
        return Attribution("user", last, "the user made most of the moves and not the ones that were needed")
    by_user = sum(call.actor == "user" for call in case.calls)
    if 4 * by_user > len(case.messages) and 2 * by_user > len(case.calls):  # a call and its result: half of it all
        return Attribution("user", last, "most of the dialogue is the user calling tools")
    if case.agent_is_done:
        return Attribution("user", last, "all was done and told, and the user did not end it")
    return Attribution("agent", last, "the agent did not come to an end")


def _by_criterion(verdict: Verdict) -> Attribution | None:
    for part in verdict.parts:
        if part.fault is not None:
            return Attribution(part.fault, (), part.reason)
    if any(part.passed is None for part in verdict.parts) and all(part.passed is not False for part in verdict.parts):
        return Attribution("checker", (), "a criterion could not be judged")
    return None


def _by_tool(case: _Case) -> Attribution | None:
    broken = [c for c in case.calls if _failed(c) and _BROKEN_TOOL.match(_content(c)) and case.wanted(c)]
    if broken:
        at = tuple(call.at for call in broken)
        return Attribution("tool", at, f"{broken[0].call.name} broke under a right call: {_content(broken[0])[:200]}")
    return None


def _by_user(case: _Case, verdict: Verdict) -> Attribution | None:
    kept_procedure = all(part.passed is not False for part in verdict.parts if part.name == "procedure")
    if case.stray_of("assistant") or not kept_procedure:
        return None
    if meddled := [at for at in case.stray_of("user") if not _was_asked(case, at)]:
        return Attribution("user", tuple(meddled), "the user changed something that nobody had asked for")
    return _by_early_stop(case)


def _by_early_stop(case: _Case) -> Attribution | None:
    stop = len(case.messages) - 1
    spoken = [i for i, m in enumerate(case.messages[:stop]) if m.role == "assistant" and m.content and not m.tool_calls]
    if case.termination != "user_stop" or not spoken or case.messages[stop].role != "user":
        return None
    if not any(m.role == "user" and m.content and not m.tool_calls for m in case.messages[:stop]):
        return Attribution("user", (stop,), "the user stopped before the agent had its first turn")
    if _still_asks(case.messages[spoken[-1]].content or ""):
        return Attribution("user", (spoken[-1], stop), "the user stopped while the agent was waiting for an answer")
    undone = case.missing_writes("user")
    if undone and not case.missing_writes("assistant") and _mentions(case, undone[0].name, stop):
        return Attribution("user", (spoken[-1], stop), f"the user stopped without doing {undone[0].name}")
    return None


def _by_agent(case: _Case) -> Attribution:
    if strays := case.stray_of("assistant"):
        return Attribution("agent", tuple(strays), "the agent made writes that the task does not hold")
    if missing := case.missing_writes():
        last = (len(case.messages) - 1,) if case.messages else ()
        return Attribution("agent", last, f"{missing[0].name} was never done")
    spoken = [i for i, m in enumerate(case.messages) if m.role == "assistant" and m.content]
    return Attribution("agent", tuple(spoken[-1:]), "the calls are right; what was said, or when, is not")


def _still_asks(text: str) -> bool:
    """Whether a message waits for an answer, polite farewells aside."""
    return any(_ASKS.search(s) and not IS_FAREWELL.search(s) for s in _SENTENCE.findall(text))


def _was_asked(case: _Case, at: int) -> bool:
    names = [call.call.name for call in case.calls if call.at == at]
    return any(_mentions(case, name, at) for name in names)


def _mentions(case: _Case, tool: str, before: int) -> bool:
    """Whether the agent spoke, before some message, of what a tool's name says (`reboot_router`: reboot, router)."""
    words = {word for word in tool.lower().split("_") if len(word) > 3}  # noqa: PLR2004  # not get, set, run
    said = " ".join(m.content.lower() for m in case.messages[:before] if m.role == "assistant" and m.content)
    return any(word in said for word in words)


def _failed(call: Executed) -> bool:
    return call.result is not None and call.result.error


def _content(call: Executed) -> str:
    return (call.result.content or "") if call.result else ""
