"""Why a dialogue's verdict by our rules differs from tau2's, criterion by criterion, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from eigen_graph.checkers import CRITERIA, Opinion, basis_of
from eigen_graph.checkers.criteria import listed
from eigen_graph.checkers.difference import differences, same_end, same_json
from eigen_graph.checkers.evidence import Bench, Evidence
from eigen_graph.checkers.facts import says
from eigen_graph.checkers.tau2_criteria import matches

if TYPE_CHECKING:
    from eigen_graph.core import Action, Executed, Trajectory

_AROUND = 12


class Difference(NamedTuple):
    """A criterion on which the two disagree."""

    basis: str
    """tau2's name for it."""
    passed: bool | None
    """What we say; tau2 says the opposite."""
    reason: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.basis} {'passes' if self.passed else 'fails'} here, not in tau2: {self.reason}"


def explained(
    bench: Bench, trajectory: Trajectory, opinions: Mapping[str, Opinion] | None = None
) -> Iterator[Difference]:
    """Where our verdict of a dialogue differs from tau2's, and why.

    Args:
        bench: The task in its domain.
        trajectory: The dialogue; one that ended otherwise than by a stop is worth 0 by both.
        opinions: As in `Checker.judge`.
    """
    evidence = Evidence(bench, trajectory, opinions or {})
    for theirs, ours in zip(basis_of(bench.task, "tau2"), basis_of(bench.task, "eigen"), strict=True):
        if theirs == ours:
            continue
        passed = CRITERIA[ours](evidence).passed
        if passed != CRITERIA[theirs](evidence).passed:
            yield Difference(theirs, passed, _WHY[theirs](evidence) if theirs in _WHY else "")


def _db(evidence: Evidence) -> str:
    bench = evidence.bench
    gold, unsynced = bench.gold, bench.gold_unsynced
    if gold.failed:
        return f"the task's own action is refused, which tau2 passes over: {gold.failed[0]}"
    if bench.task.criteria.actions is None and bench.task.criteria.env_assertions is None:
        return "the task names neither actions nor assertions, so tau2 does not look at what changed"
    if not same_end(gold.env, unsynced, same_json):
        told = listed(differences(gold.env, unsynced, same_json))
        return (
            f"tau2 follows the task's own actions without letting the two sides catch up, so it waits for an end that "
            f"they themselves do not reach: {told}"
        )
    if same_end(evidence.end, gold.env):
        told = listed(differences(evidence.end, gold.env, same_json))
        return f"equal values that are spelt or ordered otherwise: {told}" if told else "new records in another order"
    return "the dialogue took another solution of the task"


def _said(evidence: Evidence) -> str:
    return listed(filter(None, (_fact(evidence, fact) for fact in evidence.task.criteria.communicate_info or ())))


def _fact(evidence: Evidence, fact: str) -> str:
    written = [
        (message.content or "", bool(message.tool_calls))
        for message in evidence.messages
        if message.role == "assistant"
    ]
    found = [(text, beside) for text, beside in written if fact.lower() in text.lower().replace(",", "")]
    ours = says(evidence.said, fact)
    if ours == bool(found):
        return ""
    if ours:
        commas = "takes commas out of what was said, not out of the fact" if "," in fact else "compares letters"
        return f"{fact!r} was said, but tau2 {commas}"
    delivered = [text for text, beside in found if not beside]
    if not delivered:
        return f"{fact!r} stands only beside a tool call, where the user never reads it"
    return f"tau2 finds {fact!r} in {_snippet(delivered[0], fact)!r}"


def _snippet(text: str, fact: str) -> str:
    plain = text.replace(",", "")
    at = plain.lower().find(fact.lower())
    return plain[max(0, at - _AROUND) : at + len(fact) + _AROUND]


def _action(evidence: Evidence) -> str:
    calls = list(evidence.trajectory.calls())
    failed = {(made.at, made.name) for made in evidence.made if made.error}
    return listed(filter(None, (_matched(action, calls, failed) for action in evidence.task.actions)))


def _matched(action: Action, calls: list[Executed], failed: set[tuple[int, str]]) -> str:
    theirs = [step for step in calls if matches(action, step.call)]
    if not theirs:
        return f"a call of {action.name} gives arguments that the task's does not, which tau2 counts against it"
    if all(step.actor != action.requestor for step in theirs):
        return f"{action.name} was called by the {theirs[0].actor}, which tau2 does not look at"
    if all((step.at, step.call.name) in failed or step.result is None for step in theirs):
        return f"the call of {action.name} failed, which tau2 counts all the same"
    for step in theirs:
        given = step.call.arguments if isinstance(step.call.arguments, dict) else {}
        if left_out := sorted(set(action.arguments if action.compare_args is None else action.compare_args) - {*given}):
            return f"the call of {action.name} leaves out {', '.join(left_out)}, which tau2 does not ask for"
    return ""


_WHY: dict[str, Callable[[Evidence], str]] = {
    "DB": _db,
    "COMMUNICATE": _said,
    "ACTION": _action,
}
