"""The dialogue that solves a task by the book: built from the task alone, then played in its world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from eigen_graph.checkers.difference import changes
from eigen_graph.core import STOP, Action, Beat, Instructions, Message, ToolCall, Trajectory

if TYPE_CHECKING:
    from eigen_graph.checkers.evidence import Bench
    from eigen_graph.core import Environment

GREETING = "Hi! How can I help you today?"
"""How every dialogue begins (tau2's fixed first message)."""


def gold_trajectory(bench: Bench) -> Trajectory:
    """The task's own solution as a dialogue. Raises as `Bench.start`."""
    return perform(bench, gold_beats(bench))


def gold_beats(
    bench: Bench, actions: Sequence[Action] | None = None, facts: Sequence[str] | None = None
) -> tuple[Beat, ...]:
    """The moves of a solution.

    The user opens; each action is called by its party, after a proposal and a yes where the tool asks for that; the
    agent tells the facts; the user stops.

    Args:
        bench: The task in its domain.
        actions: What is done; left out: the task's own actions.
        facts: What the agent tells; left out: the task's `communicate_info`.
    """
    beats = [Beat("user", text=_opening(bench), kind="open")]
    for action in bench.task.actions if actions is None else actions:
        beats += block(bench, action)
    return (*beats, report(bench.task.criteria.communicate_info or () if facts is None else facts), CLOSE)


def block(bench: Bench, action: Action) -> list[Beat]:
    """A call with the proposal and the yes that its tool asks for."""
    bound = bench.domain.agent.toolbox.get(action.name) if action.requestor == "assistant" else None
    call = Beat(action.requestor, call=action, kind="call")
    if bound is None or not bound.traits.confirm:
        return [call]
    # The proposal holds no value of the call: a fact must be said by the report, or be missed.
    return [Beat("assistant", text="Shall I go ahead with that?", kind="confirm"), _YES, call]


def report(facts: Iterable[str]) -> Beat:
    """The agent tells how it came out."""
    return Beat("assistant", text="\n".join(["That is it.", *(f"* {fact}" for fact in facts)]), kind="report")


_YES = Beat("user", text="Yes, please go ahead.", kind="agree")
CLOSE = Beat("user", text="Thank you.", kind="close")


def perform(bench: Bench, beats: Iterable[Beat]) -> Trajectory:
    """Play moves: calls are run for real, a `close` ends the dialogue.

    Where a program judges, it may ask that the agent tell what came of a choice of its own, which no list of facts
    can hold; so there the report also tells every value that was changed up to then.
    """
    env = bench.opening.fork()
    messages = [*bench.history] or [Message(role="assistant", content=GREETING)]
    for number, beat in enumerate(beats):
        if beat.call is not None:
            call = ToolCall(id=f"call_{number}", name=beat.call.name, arguments=beat.call.arguments)
            messages.append(Message(role=beat.actor, tool_calls=(call,)))
            messages.append(env.answer(call, beat.actor))
        else:
            text = beat.text
            if beat.kind == "close":
                text = f"{text} {STOP}"
            elif beat.kind == "report" and bench.task.tags.checker_code:
                text = "\n".join([text, *(f"* {value}" for value in _outcome(bench.start, env))])
            messages.append(Message(role=beat.actor, content=text))
    return Trajectory(messages=tuple(messages), termination="user_stop")


def _outcome(start: Environment, end: Environment) -> Iterator[str]:
    """The values of what was changed, amounts with two decimals."""
    for change in changes(start, end):
        yield change["key"]
        yield from _values(change["after"])


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item)
    elif isinstance(value, float):
        yield f"{value:.2f}"
    elif value is not None:
        yield str(value)


def _opening(bench: Bench) -> str:
    told = bench.task.user_scenario.instructions
    text = told.reason_for_call if isinstance(told, Instructions) else told
    return text or "Hello, I need some help."
