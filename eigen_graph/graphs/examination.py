"""Examine a task draft: run its reference solution and say what is wrong with it, in words its writer can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from eigen_graph.checkers import build_checker
from eigen_graph.checkers.gold import gold_trajectory
from eigen_graph.core import (
    NOTHING_KNOWN,
    Action,
    Actor,
    Assertion,
    Domain,
    EigenGraphError,
    Environment,
    Task,
    TaskDraft,
    ToolError,
    environment_of,
)

_MAX_FACT_CHARS = 120


def faults(draft: TaskDraft, task: Task, domain: Domain) -> Iterator[str]:
    """What keeps a draft from being a task, the first fault that hides others last.

    Args:
        draft: What the writer submitted.
        task: The same as a task.
        domain: Where it takes place.
    """
    unknown = list(_unknown_names(task, domain))
    if unknown:
        yield from unknown
        return
    try:
        start = environment_of(domain, task)
    except NOTHING_KNOWN:
        raise
    except (EigenGraphError, ToolError) as error:
        yield f"the starting conditions fail: {error}"
        return
    found = [*_words(draft, domain), *_procedure(task.actions, domain), *_execution(task, start)]
    yield from found or _benchmark(task, domain)


def fitted(draft: TaskDraft, domain: Domain) -> TaskDraft:
    """The draft with a reward basis that the domain's own benchmark can judge by, where its writer left that open.

    tau2 compares databases with those of a solution that it does not `sync`, so that even the solution may fail; and a
    phone that works can be in many states. Where the user has one, the assertions decide, and not DB.
    """
    if draft.reward_basis or domain.tasks is None or domain.sync is None or not draft.env_assertions:
        return draft
    basis = ("ENV_ASSERTION", *["COMMUNICATE"] * bool(draft.communicate_info))
    return draft.model_copy(update={"reward_basis": basis})


def _benchmark(task: Task, domain: Domain) -> Iterator[str]:
    """A task for a benchmark is worth nothing if its own solution fails there."""
    if domain.tasks is None:
        return
    theirs = build_checker(task, domain, basis="tau2")
    verdict = theirs.judge(gold_trajectory(theirs.bench(domain)), domain)
    if verdict.reward < 1 and not verdict.unjudged:
        yield f"by its reward_basis {', '.join(task.criteria.reward_basis)} the solution fails: {verdict.reason}"


def _unknown_names(task: Task, domain: Domain) -> Iterator[str]:
    for action in (*task.actions, *task.tags.forbidden, *(a for other in task.tags.alternatives for a in other)):
        side = domain.agent if action.requestor == "assistant" else domain.user
        if side is None or action.name not in side.toolbox:
            yield f"{_who(action.requestor)} has no tool {action.name!r:.80}"
    for setup in (task.initial_state.initialization_actions or ()) if task.initial_state else ():
        side = domain.agent if setup.env_type == "assistant" else domain.user
        if side is None or setup.func_name not in {*side.setups, *side.toolbox}:
            yield f"there is no starting condition {setup.func_name!r:.80} on the {setup.env_type} side"
    for assertion in task.criteria.env_assertions or ():
        side = domain.agent if assertion.env_type == "assistant" else domain.user
        if side is None or assertion.func_name not in side.assertions:
            yield f"there is no assertion {assertion.func_name!r:.80} on the {assertion.env_type} side"


def _words(draft: TaskDraft, domain: Domain) -> Iterator[str]:
    if strange := [number for number in draft.clauses if number not in domain.policy.clauses]:
        yield f"the policy has no clause {', '.join(strange)!r:.60}"
    told = f"{draft.reason_for_call}\n{draft.known_info}"
    if not draft.reason_for_call.strip():
        yield "reason_for_call is empty"
    for fact in draft.communicate_info:
        if not fact.strip() or len(fact) > _MAX_FACT_CHARS:
            yield f"communicate_info holds short facts, not {fact!r:.60}"
    for secret in draft.hidden:
        if secret.strip() and _stands_in(secret.strip(), told):
            yield f"the user is told {secret!r:.60}, which is listed as hidden"


def _stands_in(fact: str, text: str) -> bool:
    """Word for word: a sum of 302.00 is not given away by room 302, nor 5 by a postcode."""
    return re.search(rf"(?<![\w.-]){re.escape(fact)}(?![.-]?\w)", text, re.IGNORECASE) is not None


def _procedure(actions: tuple[Action, ...], domain: Domain) -> Iterator[str]:
    called: set[str] = set()
    for number, action in enumerate(actions, 1):
        if action.requestor == "assistant":
            needed = domain.agent.toolbox[action.name].traits.after
            if needed and not called & set(needed):
                yield f"action {number}: {action.name} must come after {' or '.join(needed)}"
            called.add(action.name)


def _execution(task: Task, start: Environment) -> Iterator[str]:
    end, domain = start.fork(), start.domain
    for number, action in enumerate(task.actions, 1):
        before = end.fork()
        outcome = end.run(action.name, action.arguments, action.requestor)
        if outcome.error:
            yield f"action {number}, {action.name}({action.arguments}), fails: {outcome.content}"
            return
        writes = domain.side(action.requestor).toolbox[action.name].traits.writes
        if writes and action.requestor == "assistant" and end.same_as(before):
            yield f"action {number}, {action.name}, is meant to change something and changes nothing"
    unchanged = end.same_as(start)
    counted = "ACTION" in task.criteria.reward_basis and task.actions
    if unchanged and not (task.criteria.communicate_info or task.tags.checker_code or counted):
        yield "nothing is changed and communicate_info is empty, so an agent that does nothing would pass"
    yield from _assertions(task.criteria.env_assertions or (), start, end, unchanged=unchanged)


def _assertions(
    assertions: Sequence[Assertion], start: Environment, end: Environment, *, unchanged: bool
) -> Iterator[str]:
    """Each must hold at the end, and one at least must not hold before: the others say what must stay as it is."""
    idle = []
    for assertion in assertions:
        try:
            if not end.holds(assertion):
                yield f"assertion {assertion.func_name} does not hold after the actions"
            elif not unchanged and start.holds(assertion):
                idle.append(assertion.func_name)
        except (EigenGraphError, ToolError) as error:
            yield f"assertion {assertion.func_name} fails: {error}"
    if idle and len(idle) == len(assertions):
        yield f"{', '.join(idle)}: what is asserted holds before anything is done, so it checks nothing"


def _who(actor: Actor) -> str:
    return "the agent" if actor == "assistant" else "the user"
