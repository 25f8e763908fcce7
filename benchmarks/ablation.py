"""The paper's data ablation in small: what the engine accepts without validation, evolution or many plan pairs.

All four make as many tries on seeds of their own. Judged is what each accepts, by what none of them has a say in: the
audit (`checkers.audit`), the (clause, tool) pairs exercised, and near-duplicates. The engine's own reviewer is not
asked. Without validation there are no failures to reflect upon, so that variant does not evolve either.

(The paper reports pass^1 of an airline agent trained on each data set: full 56.0, no validation 50.0, no evolution
44.0, 4 prompt sets 42.5. That is another quantity; no model is trained here.)
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context

from heldout import PLANS, SETTINGS, Mean, Worked, defective, evolve, per_million, work

from eigen_graph.graphs import Blueprint, checker, dialogue, scenario
from eigen_graph.graphs.batches import Arm, apart, instance_seed
from eigen_graph.graphs.evolving.outcome import Features, Outcome
from eigen_graph.graphs.evolving.repetition import alike
from eigen_graph.runs import InstanceRow, Ledger, PlanRow
from eigen_graph.runs.rows import arm_instance_id

FULL = "full engine"
VARIANTS = (FULL, "no validation", "no evolution", "4 plan pairs")
_SAMPLE = 100
"""Dialogues among which distinct pairs are counted, so that who accepts more has no advantage."""


def made(variant: str, domain: str, model: str, seed: int, tasks: int) -> list[Outcome]:
    """What one variant makes of a seed's tasks, judged by the audit alone."""
    context, plans = {"domain": domain, "model": model}, 4 if variant == "4 plan pairs" else PLANS
    engine, how = Blueprint().to_json(), unvalidated if variant == "no validation" else None
    if variant in {FULL, "4 plan pairs"}:
        engine = evolve(context, seed, SETTINGS, plans=plans).engines[-1]
    (found,) = work([engine], context, seed=seed, tasks=tasks, plans=plans, how=how)
    return [audited(outcome) for outcome in found]


async def unvalidated(arm: Arm, ledger: Ledger, todo: Worked, seed: int) -> list[InstanceRow]:
    """Whatever was written is played once, and whatever was played is accepted."""
    rows = await asyncio.gather(*(apart(_first_attempt(arm, index, plan, seed)) for index, plan in todo.items()))
    for row in rows:
        await ledger.add_instance(row)
    return rows


async def _first_attempt(arm: Arm, index: int, plan: PlanRow, seed: int) -> InstanceRow:
    number, context = instance_seed(seed, index), arm.context
    row = InstanceRow(
        id=arm_instance_id(arm.name, index),
        generation=0,
        index=index,
        plan_id=plan.id,
        fate="rejected",
        stage="scenario",
    )
    written = await scenario.ainvoke({"id": row.id, "seed": number, "plan": plan.to_json()}, context=context)
    if written["outcome"] == "failed":
        return row
    played = await dialogue.ainvoke({"task": written["task"]}, context=context)
    # The audit needs a checker to judge by. It is built when all is done: no proof, verdict or review had a say.
    proven = await checker.ainvoke({"task": written["task"], "seed": number}, context=context)
    kept = {"task": written["task"], "trajectory": played["trajectory"], "checker": proven["checker"]}
    unread = {"review": {"decision": "accept"}}
    return row.model_copy(update={**kept, **unread, "fate": "accepted", "stage": "dialogue"})


def audited(outcome: Outcome) -> Outcome:
    """Without what a reviewer thinks of it."""
    if outcome.features is None:
        return outcome
    defects = tuple(defect for defect in outcome.features.defects if defect != "review")
    return replace(outcome, features=replace(outcome.features, defects=defects))


def accepted(arm: Sequence[Outcome]) -> list[Features]:
    """What an arm accepted."""
    return [outcome.features for outcome in arm if outcome.accepted and outcome.features]


def covered(arm: Sequence[Outcome]) -> float:
    """Distinct pairs of a clause and a tool that a sample of the accepted dialogues exercises, the mean of all samples.

    A sample is smaller where fewer were accepted.
    """
    dialogues = accepted(arm)
    total, size = len(dialogues), min(_SAMPLE, len(dialogues))
    counts = Counter(pair for features in dialogues for pair in features.pairs if all(pair))
    return sum(1 - math.comb(total - count, size) / math.comb(total, size) for count in counts.values())


def repeating(arm: Sequence[Outcome]) -> float:
    """Share of the accepted dialogues whose task is nearly one of those before."""
    words = [features.words for features in accepted(arm)]
    near = alike([words])
    return float(near[0, :, 0, :].any(axis=1).mean()) if words else 0.0


def acceptance(arm: Sequence[Outcome]) -> float:
    """Share of the tries that the engine accepted, in percent."""
    return 100 * sum(outcome.accepted for outcome in arm) / len(arm)


def accepted_a_million(arm: Sequence[Outcome]) -> float:
    """Dialogues that the engine accepted for 1M tokens, defects or not."""
    return 1e6 * sum(outcome.accepted for outcome in arm) / sum(outcome.cost for outcome in arm)


MEASURES: dict[str, Callable[[Sequence[Outcome]], float]] = {
    "% of tries accepted": acceptance,
    "% of accepted defective": lambda arm: 100 * defective(arm),
    f"distinct pairs in {_SAMPLE} accepted": covered,
    "% of accepted repeating": lambda arm: 100 * repeating(arm),
    "accepted per 1M tokens": accepted_a_million,
    "without defects, per 1M tokens": per_million,
}


def run(given: argparse.Namespace) -> dict[str, list[list[Outcome]]]:
    """What each variant made on each seed, in several processes."""
    began, found = time.monotonic(), dict[tuple[str, int], list[Outcome]]()
    case, numbers = (given.domain, f"scripted?faults={given.faults:g}"), range(1, given.seeds + 1)
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        making = {
            pool.submit(made, variant, *case, number, given.tasks): (variant, number)
            for number in numbers
            for variant in VARIANTS
        }
        for done in as_completed(making):
            found[making[done]] = done.result()
            variant, number = making[done]
            print(f"{time.monotonic() - began:6.0f} s  seed {number}, {variant}", file=sys.stderr)
    return {variant: [found[variant, number] for number in numbers] for variant in VARIANTS}


def main() -> None:
    """Print the table, and what differs from the full engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="hotel")
    parser.add_argument("--faults", type=float, default=0.3, help="of the scripted model")
    parser.add_argument("--seeds", type=int, default=5, help="how many: 1, 2, ...")
    parser.add_argument("--tasks", type=int, default=192, help="tries of each variant on each seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    print(
        f"{given.domain}, scripted?faults={given.faults:g}, seeds 1 to {given.seeds}, {given.tasks} tries of each "
        "variant on each. Means over seeds with 95 % intervals.\n"
    )
    found = run(given)
    print(f"| {' | '.join(['variant', *MEASURES])} |")
    print("|---" * (1 + len(MEASURES)) + "|")
    for variant, arms in found.items():
        cells = [Mean.of([measure(arm) for arm in arms]).said(".1f") for measure in MEASURES.values()]
        print(f"| {variant} | {' | '.join(cells)} |")
    print()
    for variant in VARIANTS[1:]:
        gaps = {
            what: Mean.of([measure(one) - measure(full) for one, full in zip(found[variant], found[FULL], strict=True)])
            for what, measure in MEASURES.items()
        }
        sure = [f"{what} {gap.said('+.1f')}" for what, gap in gaps.items() if not gap.low <= 0 <= gap.high]
        unsure = [what for what, gap in gaps.items() if gap.low <= 0 <= gap.high]
        print(
            f"- {variant}, against the full engine on the same seeds: {'; '.join(sure) or 'nothing differs for sure'}."
            + (f" Cannot be told: {', '.join(unsure)}." if unsure and sure else "")
        )


if __name__ == "__main__":
    main()
