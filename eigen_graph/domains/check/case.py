"""One case of a playbook: whether it replays, ends as it claims, and plays by the rules of a dialogue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eigen_graph.core import (
    Action,
    Case,
    Domain,
    EigenGraphError,
    Environment,
    Task,
    ToolError,
    environment_of,
    task_from_case,
)
from eigen_graph.domains.check.finding import Finding, error, warning
from eigen_graph.domains.check.records import check_invariants


def check_case(domain: Domain, case: Case) -> Iterator[Finding]:
    """Everything that must hold of a case."""
    where = f"intent {case.intent} (seed {case.cue.seed}, {case.cue.difficulty})"
    task = task_from_case(case)
    try:
        env = environment_of(domain, task)
    except (EigenGraphError, ToolError) as problem:
        yield error(where, f"its setups fail: {problem}", "let setups use records that are there")
        return
    start = env.fork()
    failure = _replay(env, case.actions)
    if failure:
        yield error(where, f"its own solution fails: {failure}", "act only what the tools allow")
        return
    yield from _check_outcome(domain, case, start, env, where)
    yield from _check_end(domain, case, start, env, where)
    yield from _check_proofs(domain, case, task, env, where)
    yield from _check_turns(case, where)
    yield from _check_procedure(domain, case, where)
    yield from _check_secrets(case, where)


def _replay(env: Environment, actions: tuple[Action, ...]) -> str:
    for action in actions:
        outcome = env.run(action.name, action.arguments, action.requestor)
        if outcome.error:
            return f"{action.name}: {outcome.content}"
    return ""


def _writes(domain: Domain, case: Case) -> list[Action]:
    return [a for a in case.actions if domain.side(a.requestor).toolbox[a.name].traits.writes]


def _check_outcome(domain: Domain, case: Case, start: Environment, env: Environment, where: str) -> Iterator[Finding]:
    changed, writes = not env.same_as(start), _writes(domain, case)
    if writes and not changed:
        yield error(
            where, "its writes come to nothing", "let the case change what it is about, or leave the writes out"
        )
    if case.ending == "done" and not writes:
        yield error(where, "ends 'done' and does nothing", "give it another ending, or the write that is missing")
    if case.ending in {"refusal", "nothing"} and changed:
        yield error(where, f"ends in {case.ending!r} and changes something", "give it the ending 'done'")
    if not changed and not case.facts and case.checker_code is None and "ACTION" not in case.terms.reward_basis:
        yield error(
            where,
            "an agent that says and does nothing would pass",
            "let the user ask something and report the answer as a fact",
        )


def _check_end(domain: Domain, case: Case, start: Environment, env: Environment, where: str) -> Iterator[Finding]:
    if not env.same_as(start):
        for finding in check_invariants(domain, env.agent_db, env.user_db, where):
            yield error(where, f"leaves behind: {finding.what}", finding.mend)
    settled = env.fork()
    settled.sync()
    if not settled.same_as(env):
        yield error(where, "sync has not settled at the end", "let sync do all it has to in one run")
    for assertion in case.assertions:
        try:
            holds = env.holds(assertion)
        except (EigenGraphError, ToolError) as problem:
            yield error(where, f"assertion {assertion.func_name} fails: {problem}", "give it arguments that exist")
            continue
        if not holds:
            yield error(
                where, f"assertion {assertion.func_name} does not hold", "assert what the solution brings about"
            )


def _check_proofs(domain: Domain, case: Case, task: Task, end: Environment, where: str) -> Iterator[Finding]:
    """What is there to test a checker with: other solutions, calls that must not happen, look-ups."""
    for number, actions in enumerate(case.alternatives, 1):
        if failure := _replay(environment_of(domain, task), actions):
            yield error(where, f"alternative {number} fails: {failure}", "accept only what the tools allow")
    for action in case.explored:
        if failure := _replay(environment_of(domain, task), (action,)):
            yield error(where, f"a look-up fails: {failure}", "explore what can be looked up before the dialogue")
    if case.forbidden and not any(
        not _replay(env, (action,)) for action in case.forbidden for env in (environment_of(domain, task), end.fork())
    ):
        yield warning(
            where,
            "the tools refuse every call it forbids",
            "forbid what the tools would let happen and the policy does not",
        )


def _check_turns(case: Case, where: str) -> Iterator[Finding]:
    """A line hands the turn over: nobody speaks or acts twice in a row after one."""
    for before, after in zip(case.beats, case.beats[1:], strict=False):
        if before.text and before.actor == after.actor:
            who = "agent" if before.actor == "assistant" else "user"
            yield error(where, f"the {who} goes on after {before.text!r:.50}", "let the other side answer in between")
            return


def _check_procedure(domain: Domain, case: Case, where: str) -> Iterator[Finding]:
    """Confirmations and identity checks that the tools' traits ask for."""
    done: set[str] = set()
    proposed = agreed = False
    looked: list[Action] = []
    fresh = ""
    for beat in case.beats:
        if beat.call is None:
            agreed = beat.actor == "user" and proposed
            proposed = beat.actor == "assistant" or proposed
            fresh = ""
            continue
        if beat.actor != "assistant":
            continue
        traits = domain.agent.toolbox[beat.call.name].traits
        if traits.after and not done & set(traits.after):
            yield error(where, f"calls {beat.call.name} before {' or '.join(traits.after)}", "call that first")
        if traits.writes and traits.confirm and not agreed:
            yield error(where, f"calls {beat.call.name} without the user's yes", "put a stage.confirm before it")
        elif traits.writes and traits.confirm and fresh:
            yield error(where, f"looks {fresh} up between the yes and {beat.call.name}", "look up before you propose")
        bare = beat.call.model_copy(update={"action_id": ""})
        if not traits.writes and bare not in looked:
            fresh = beat.call.name
            looked.append(bare)
        done.add(beat.call.name)


def _check_secrets(case: Case, where: str) -> Iterator[Finding]:
    """What the agent must tell is told; what the user cannot know is neither in the brief nor said too early."""
    spoken = "\n".join(beat.text for beat in case.beats if beat.actor == "assistant")
    for fact in case.facts:
        if fact not in spoken:
            yield error(where, f"nobody says the fact {fact!r}", "let the agent say it")
    brief = f"{case.reason_for_call}\n{case.known_info}\n{case.unknown_info}\n{case.task_instructions}"
    for secret in case.hidden:
        whole = re.compile(rf"(?<![\w.]){re.escape(secret)}(?!\w|\.\d)")
        if whole.search(brief):
            yield error(where, f"the user's brief holds {secret!r}, which is hidden", "take it out of the brief")
        for beat in case.beats:
            if beat.actor == "user" and beat.text and whole.search(beat.text):
                yield error(where, f"the user says {secret!r} unprompted", "hide only what the user cannot know yet")
            if (beat.actor == "assistant" and whole.search(beat.text)) or (beat.actor == "user" and beat.call):
                break  # from here on the user may know it
