"""Judging the judge: a checker is sound when it passes the solution and its variants and fails what is wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from eigen_graph.checkers.criteria import actions, assertions
from eigen_graph.checkers.difference import same_end
from eigen_graph.checkers.evidence import Evidence
from eigen_graph.checkers.facts import unsaid
from eigen_graph.checkers.gold import gold_trajectory, perform
from eigen_graph.checkers.mutation import Sketch, mutants
from eigen_graph.checkers.procedure import breaches
from eigen_graph.checkers.proof_record import Mutant, Proof, Variant
from eigen_graph.checkers.variants import variants
from eigen_graph.checkers.verdict import Verdict, bounded
from eigen_graph.core import NOTHING_KNOWN

if TYPE_CHECKING:
    from eigen_graph.checkers.checker import Checker
    from eigen_graph.checkers.evidence import Bench
    from eigen_graph.core import Domain, Environment

MIN_KILL_RATE = 0.95
"""Share of mutants that a checker must fail."""
MOST_MUTANTS = 60
_MOST_LISTED = 20
_OTHER_WAYS = frozenset({"altered_argument", "wrong_record", "unrelated_write"})
"""Kinds of mutants that may turn out to be another way to a working device."""


def prove(
    checker: Checker,
    domain: Domain,
    *,
    seed: int = 0,
    min_kill_rate: float = MIN_KILL_RATE,
    most_mutants: int = MOST_MUTANTS,
) -> Proof:
    """Test a checker on its task's solution, on mutants of it and on valid variants.

    A mutant counts as wrong by its outcome, not by what the checker looks at: it ends in another state (of either
    side) than the solution and every alternative of the task, leaves a required fact unsaid or (where the reward
    basis has ACTION) a call unmade, or breaks the procedure that its tools ask for. Where the reward basis leaves DB
    out, a user may set their own devices otherwise, or do something besides, as long as all that is asserted holds
    and the agent's side ends as it should; a call of theirs left out or doubled is wrong all the same. Deterministic
    in the seed.

    Args:
        checker: The checker.
        domain: Its domain.
        seed: Picks records, values, and which mutants are tried where there are too many.
        min_kill_rate: Kill rate below which a checker is not sound.
        most_mutants: Bound on the mutants tried; every kind keeps its share.

    Raises:
        EigenGraphError: The domain is not the one that the checker was made for, the sandbox does not start, or what
            runs the domain's tools is out of reach.
    """
    bench = checker.bench(domain)
    rng = random.Random(f"proof/{seed}")
    if problem := _solution_fails(checker, bench):
        return Proof(gold_passes=False, reason=bounded(problem))
    rejected, right = [], 0
    for sketch in variants(bench, rng):
        right += 1
        verdict = checker.judge(perform(bench, sketch.beats), domain)
        if verdict.reward < 1:
            rejected.append(Variant(kind=sketch.kind, description=sketch.description, reason=verdict.reason))
            if _broke(verdict):
                break  # a program that hangs once may hang every time
    tried, passed, equivalent, survivors = Counter[str](), Counter[str](), 0, []
    ends = _ends(bench)
    for sketch in chosen(mutants(bench, rng), most_mutants, rng):
        trajectory = perform(bench, sketch.beats)
        evidence = Evidence(bench, trajectory)
        if _is_right(evidence, ends) or (sketch.kind in _OTHER_WAYS and _works_as_well(evidence, ends)):
            equivalent += 1
            continue
        tried[sketch.kind] += 1
        verdict = checker.judge(trajectory, domain)
        if _broke(verdict):
            return Proof(gold_passes=True, reason=bounded(f"on {sketch.kind}, {sketch.description}: {verdict.reason}"))
        if verdict.reward == 1:
            passed[sketch.kind] += 1
            survivors.append(Mutant(kind=sketch.kind, description=sketch.description))
    wrong = tried.total()
    killed = wrong - len(survivors)
    kill_rate = killed / wrong if wrong else 0.0
    return Proof(
        gold_passes=True,
        mutants=wrong,
        killed=killed,
        kill_rate=kill_rate,
        kinds={kind: (count, count - passed[kind]) for kind, count in sorted(tried.items())},
        survivors=tuple(survivors[:_MOST_LISTED]),
        equivalent=equivalent,
        variants=right,
        rejected_variants=tuple(rejected[:_MOST_LISTED]),
        sound=not rejected and kill_rate >= min_kill_rate,
        reason=_why_not(rejected, survivors, wrong, min_kill_rate),
    )


def _solution_fails(checker: Checker, bench: Bench) -> str:
    """Why the task's own solution does not pass; empty when it does."""
    try:
        solution = gold_trajectory(bench)
    except NOTHING_KNOWN:
        raise
    except Exception as error:  # noqa: BLE001  # the task's initial state was written by a model
        return f"the task's initial state does not fit the domain: {error}"
    gold = checker.judge(solution, bench.domain)
    return "" if gold.reward == 1 else f"the task's own solution does not pass: {gold.reason}"


def chosen(sketches: Iterable[Sketch], most: int, rng: random.Random) -> list[Sketch]:
    """At most so many; where there are more, kinds take turns, so that none is crowded out."""
    every = list(sketches)
    if len(every) <= most:
        return every
    rng.shuffle(every)
    kinds: dict[str, list[Sketch]] = {}
    for sketch in every:
        kinds.setdefault(sketch.kind, []).append(sketch)
    turns = [(turn, sketch) for group in kinds.values() for turn, sketch in enumerate(group)]
    return [sketch for _, sketch in sorted(turns, key=lambda pair: pair[0])[:most]]


def _broke(verdict: Verdict) -> bool:
    """The checker's own program failed, so nothing was judged."""
    return any(part.fault == "checker" for part in verdict.parts)


def _ends(bench: Bench) -> list[Environment]:
    return [bench.gold.env, *(end.env for end in bench.alternatives)]


def _is_right(evidence: Evidence, ends: Sequence[Environment]) -> bool:
    """Whether a dialogue comes to the same as a solution, whatever the checker looks at."""
    return any(same_end(evidence.end, end) for end in ends) and _is_in_order(evidence)


def _works_as_well(evidence: Evidence, ends: Sequence[Environment]) -> bool:
    """Whether a dialogue that leaves the user's devices in another state is none the worse for it."""
    return (
        "DB" not in evidence.task.criteria.reward_basis
        and any(same_end(evidence.end, end, agent_only=True) for end in ends)
        and assertions(evidence).passed is True
        and _is_in_order(evidence)
    )


def _is_in_order(evidence: Evidence) -> bool:
    """Whether everything was said, called and asked for that the task wants, whatever the end."""
    bench = evidence.bench
    return (
        not unsaid(evidence.said, evidence.task.criteria.communicate_info or ())
        and ("ACTION" not in evidence.task.criteria.reward_basis or actions(evidence).passed is True)
        and not any(breaches(evidence.made, evidence.messages, bench.domain.agent.toolbox))
    )


def _why_not(rejected: list[Variant], survivors: list[Mutant], wrong: int, min_kill_rate: float) -> str:
    if rejected:
        first = rejected[0]
        return bounded(f"a valid variant fails ({first.kind}: {first.description}): {first.reason}")
    if not wrong:
        return "nothing to fail could be made of this task: it neither changes nor tells anything"
    if survivors and 1 - len(survivors) / wrong < min_kill_rate:
        first_one = survivors[0]
        return bounded(
            f"{len(survivors)} of {wrong} wrong dialogues pass, e.g. {first_one.kind}: {first_one.description}"
        )
    return ""
