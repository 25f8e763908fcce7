"""tau2's reward bases that need no language model, with exactly its semantics (tau2-bench 1.0, `evaluator/`).

They are kept as they are, oddities included, so that a task of tau2's gets the reward that tau2 gives it. What is
better in ours stands under our own names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eigen_graph.checkers.criteria import CRITERIA, criterion, listed
from eigen_graph.checkers.difference import differences, same_end, same_json, same_order
from eigen_graph.checkers.verdict import Part, bounded
from eigen_graph.core import ToolError, UnknownNameError

if TYPE_CHECKING:
    from eigen_graph.checkers.evidence import Evidence
    from eigen_graph.core import Action, ToolCall


@criterion("DB")
def db(evidence: Evidence) -> Part:
    """Both databases' JSON equals that after the task's actions.

    The dialogue's mutating calls are replayed with `sync`, the task's own actions without, errors swallowed; so in a
    domain with `sync` even the task's own solution may fail (71 of tau2's 114 telecom tasks). 2 differs from 2.0,
    lists are compared in order. A task with neither actions nor assertions passes.
    """
    wanted = evidence.task.criteria
    if wanted.actions is None and wanted.env_assertions is None:
        return Part(name="DB", passed=True)
    gold = evidence.bench.gold_unsynced
    if same_end(evidence.end, gold, same_json):
        if same_order(evidence.end, gold):
            return Part(name="DB", passed=True)
        return Part(name="DB", passed=False, reason="new records came in another order")
    return Part(name="DB", passed=False, reason=listed(differences(evidence.end, gold, same_json)))


@criterion("ENV_ASSERTION")
def env_assertion(evidence: Evidence) -> Part:
    """Every assertion comes out, at the end of the replayed dialogue, as it should."""
    failed = []
    for assertion in evidence.task.criteria.env_assertions or ():
        try:
            holds = evidence.end.holds(assertion)
        except (UnknownNameError, ToolError) as error:
            return Part(name="ENV_ASSERTION", passed=False, reason=bounded(str(error)), fault="task")
        if not holds:
            failed.append(assertion.message or f"{assertion.func_name} is not {assertion.assert_value}")
    return Part(name="ENV_ASSERTION", passed=not failed, reason=listed(failed))


@criterion("ACTION")
def action(evidence: Evidence) -> Part:
    """Each action of the task matches some call of the dialogue, in any order, by whomever, failed ones too."""
    calls = [call for message in evidence.messages for call in message.tool_calls]
    missing = [a.name for a in evidence.task.actions if not any(matches(a, call) for call in calls)]
    return Part(name="ACTION", passed=not missing, reason=listed(f"no call matches {name}" for name in missing))


@criterion("COMMUNICATE")
def communicate(evidence: Evidence) -> Part:
    """Each fact occurs in something the agent wrote, text beside its tool calls included.

    Commas are taken out of what the agent wrote but not out of the fact, so a fact with a comma never passes; and
    `4` occurs in `$480`.
    """
    texts = [
        (m.content or "").lower().replace(",", "")
        for m in evidence.messages
        if m.role == "assistant" and (m.content or "").strip()
    ]
    facts = evidence.task.criteria.communicate_info or ()
    missing = [fact for fact in facts if not any(fact.lower() in text for text in texts)]
    return Part(name="COMMUNICATE", passed=not missing, reason=listed(f"not said: {fact!r}" for fact in missing))


@criterion("NL_ASSERTION")
def nl_assertion(evidence: Evidence) -> Part:
    """Every statement about the dialogue is met in the opinion of a judge model; without one, it is not judged."""
    statements = evidence.task.criteria.nl_assertions or ()
    unmet = [text for text in statements if text in evidence.opinions and not evidence.opinions[text].met]
    if unmet:
        reason = listed(f"not met: {text}: {evidence.opinions[text].reason}" for text in unmet)
        return Part(name="NL_ASSERTION", passed=False, reason=reason)
    if unheard := [text for text in statements if text not in evidence.opinions]:
        reason = f"{len(unheard)} statements that need a language model to judge"
        return Part(name="NL_ASSERTION", passed=None, reason=reason)
    return Part(name="NL_ASSERTION", passed=True)


TAU2_BASES = tuple(name for name in CRITERIA if name.isupper())
"""The names that tau2's `reward_basis` may hold."""


def matches(wanted: Action, call: ToolCall) -> bool:
    """Whether a call is an action, by tau2's rule.

    Without `compare_args` the arguments that the *call* gave are compared, so one that leaves some out still matches
    and one that adds some does not; an empty list compares the name alone.
    """
    if wanted.name != call.name:
        return False
    if wanted.compare_args is not None and not wanted.compare_args:
        return True
    if isinstance(call.arguments, str):
        return False
    names = call.arguments.keys() if wanted.compare_args is None else set(wanted.compare_args)
    given = {name: value for name, value in call.arguments.items() if name in names}
    asked = {name: value for name, value in wanted.arguments.items() if name in names}
    return given == asked
