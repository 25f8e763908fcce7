"""Our own criteria, one function a basis name, and the table in which every criterion is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from eigen_graph.checkers.difference import changes, differences, same_end
from eigen_graph.checkers.facts import unsaid
from eigen_graph.checkers.procedure import breaches
from eigen_graph.checkers.sandbox import run_check
from eigen_graph.checkers.verdict import Part, bounded
from eigen_graph.core import ToolError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eigen_graph.checkers.evidence import Evidence, Made
    from eigen_graph.core import Action

Criterion = Callable[["Evidence"], Part]
CRITERIA: dict[str, Criterion] = {}
"""Every criterion by its basis name; lower case ours, upper case tau2's."""

_MOST_DIFFERENCES = 3


def criterion(name: str) -> Callable[[Criterion], Criterion]:
    """Register the function that follows under a basis name."""

    def register(judge: Criterion) -> Criterion:
        CRITERIA[name] = judge
        return judge

    return register


@criterion("state")
def state(evidence: Evidence) -> Part:
    """Both sides' databases end as after the task's actions, or as after one of its alternatives.

    Actions are followed by `sync` as in a dialogue; numbers are compared as numbers; only touched records are looked
    at. An action that changes nothing because it is refused makes the task unusable.
    """
    return _ends_as_it_should("state", evidence, agent_only=False)


@criterion("agent_state")
def agent_state(evidence: Evidence) -> Part:
    """As `state`, of the agent's side alone.

    For tasks whose reward basis leaves DB out because there are many good ends on the user's own devices: those are
    for `assertions` to judge, while the records that the agent is trusted with must be as the solution leaves them.
    On the 74 telecom tasks of tau2's split `train`, assertions alone fail 988 of 1,296 mutants: they miss every write
    to an account that nobody asked for. With this one all wrong mutants fail, and a phone set otherwise that works
    passes, which `state` would not let. Its price: partial help before a transfer (a bill paid) fails as well.
    """
    return _ends_as_it_should("agent_state", evidence, agent_only=True)


@criterion("said")
def said(evidence: Evidence) -> Part:
    """The agent told the user each fact of `communicate_info`; see `facts.says`."""
    missing = unsaid(evidence.said, evidence.task.criteria.communicate_info or ())
    return Part(name="said", passed=not missing, reason=listed(f"not said: {fact!r}" for fact in missing))


@criterion("assertions")
def assertions(evidence: Evidence) -> Part:
    """Every named assertion comes out at the end as the task says."""
    failed = []
    for assertion in evidence.task.criteria.env_assertions or ():
        try:
            holds = evidence.end.holds(assertion)
        except (UnknownNameError, ToolError) as error:
            return Part(name="assertions", passed=False, reason=bounded(str(error)), fault="task")
        if not holds:
            failed.append(assertion.message or f"{assertion.func_name}({_arguments(assertion.arguments)}) is wrong")
    return Part(name="assertions", passed=not failed, reason=listed(failed))


@criterion("actions")
def actions(evidence: Evidence) -> Part:
    """Each of the task's actions was made by its party, with its arguments, and succeeded.

    Order does not matter, more calls do no harm, numbers are compared as numbers. `compare_args` names the arguments
    that must agree; without it, all of them.
    """
    made = [call for call in evidence.made if not call.error]
    missing = [
        f"{action.name}({_arguments(action.arguments)})"
        for action in evidence.task.actions
        if not any(call.actor == action.requestor and _is(action, call) for call in made)
    ]
    return Part(name="actions", passed=not missing, reason=listed(f"nobody made {call}" for call in missing))


@criterion("procedure")
def procedure(evidence: Evidence) -> Part:
    """What `ToolTraits` asks for before a write came before each of the agent's writes that succeeded."""
    found = breaches(evidence.made, evidence.messages, evidence.bench.domain.agent.toolbox)
    reason = listed(f"message {breach.at}: {breach.reason}" for breach in found)
    return Part(name="procedure", passed=not reason, reason=reason)


@criterion("code")
def code(evidence: Evidence) -> Part:
    """The task's own program, `check(changes, calls, said)`, says yes; it runs in the sandbox.

    `changes` is what `difference.changes` lists, `calls` every call that was run (`{"actor", "name", "arguments",
    "error"}`), `said` what the agent told the user.
    """
    source = evidence.task.tags.checker_code
    if not source:
        return Part(name="code", passed=False, reason="the task has no checker_code", fault="task")
    ruling = run_check(
        source,
        changes=changes(evidence.bench.start, evidence.end),
        calls=[{"actor": m.actor, "name": m.name, "arguments": m.arguments, "error": m.error} for m in evidence.made],
        said=evidence.said,
    )
    if ruling.passed is None:
        return Part(name="code", passed=False, reason=bounded(ruling.reason), fault="checker")
    return Part(name="code", passed=ruling.passed, reason="" if ruling.passed else bounded(ruling.reason))


def _ends_as_it_should(name: str, evidence: Evidence, *, agent_only: bool) -> Part:
    gold = evidence.bench.gold
    if gold.failed:
        return Part(name=name, passed=False, reason=bounded(f"the task's own {gold.failed[0]}"), fault="task")
    ends = (gold.env, *(end.env for end in evidence.bench.alternatives))
    if any(same_end(evidence.end, end, agent_only=agent_only) for end in ends):
        return Part(name=name, passed=True)
    return Part(name=name, passed=False, reason=listed(differences(evidence.end, gold.env, agent_only=agent_only)))


def _is(action: Action, call: Made) -> bool:
    if action.name != call.name or isinstance(call.arguments, str):
        return False
    names = set(action.arguments if action.compare_args is None else action.compare_args)
    return all(call.arguments.get(name) == action.arguments.get(name) for name in names)


def listed(reasons: Iterable[str], most: int = _MOST_DIFFERENCES) -> str:
    """The first few reasons on one line, and how many more there are."""
    every = list(reasons)
    more = f"; and {len(every) - most} more" if len(every) > most else ""
    return bounded("; ".join(every[:most])) + more


def _arguments(arguments: dict[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
