"""Does evolution help: gated and reflected upon, against none, against random patches, against no gate.

Every method begins with the default engine and has the same rounds, tasks and seeds. Each method's last engine then
works the same held-out tasks, and what it accepts there counts only if `checkers.audit` finds no defect in it. "Random"
answers the reflector's request with random valid patches of every kind (`tests/random_patches.py`), three a round
as the reflector, whatever the evidence says. "No gate" keeps each round's first patch untested.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from heldout import PLANS, SETTINGS, Evolved, Mean, defective, evolve, per_million, share, versus, work

from eigen_graph.graphs import Blueprint
from eigen_graph.graphs.evolving.outcome import Outcome

sys.path.append(str(Path(__file__).parents[1] / "tests"))

NONE, FULL = "no evolution", "full"
METHODS: Mapping[str, dict[str, Any]] = {
    FULL: {"gated": True, "blind": False},
    "random patches": {"gated": True, "blind": True},
    "no gate": {"gated": False, "blind": False},
    "random patches, no gate": {"gated": False, "blind": True},
}
_WORKFLOW = re.compile(r"```json workflow\n(.*?)\n```", re.DOTALL)
_PATCHES = 16
"""As many as are looked at in one answer: those that are refused are replaced."""


def blind(seed: int) -> Callable[[int, int, Sequence[Any]], str]:
    """A reflector's answers that know nothing but what is a valid patch.

    Args:
        seed: Where its chance comes from.
    """
    from random_patches import random_patch  # noqa: PLC0415  # of the tests, whose path is set above
    from reflectors import answer  # noqa: PLC0415  # same

    def say(number: int, attempt: int, messages: Sequence[Any]) -> str:
        found = _WORKFLOW.search(messages[-1].text)
        assert found, "the request shows the workflow"
        shown = json.loads(found[1])
        workflow = {name: shown[name] for name in ("nodes", "edges")}
        blueprint = Blueprint.from_json({"workflow": workflow, "plans": shown["plans"], "settings": shown["settings"]})
        assert blueprint.digest == shown["digest"], "it has no prompts of its own: no scripted role would read them"
        rng = random.Random(f"blind/{seed}/{number}/{attempt}")
        return str(answer([random_patch(blueprint, rng) for _ in range(_PATCHES)]))

    return say


def evolved(method: str, domain: str, model: str, seed: int, rounds: int) -> Evolved:
    """One method's evolution on one seed."""
    how = METHODS[method]
    context: dict[str, Any] = {"domain": domain, "model": model}
    if how["blind"]:
        from reflectors import Reflector  # noqa: PLC0415  # of the tests

        context["reflector_model"] = Reflector(plays=blind(seed))
    return evolve(context, seed, {**SETTINGS, "rounds": rounds, "patience": max(1, rounds), "gated": how["gated"]})


def judged(
    engines: Sequence[Mapping[str, Any]], domain: str, model: str, seed: int, tasks: int
) -> dict[str, list[Outcome]]:
    """What each distinct engine makes of the held-out tasks, by its digest."""
    distinct = {Blueprint.from_json(engine).digest: engine for engine in engines}
    found = work([*distinct.values()], {"domain": domain, "model": model}, seed=seed, tasks=tasks)
    return dict(zip(distinct, found, strict=True))


class Seed:
    """All that came of one seed."""

    def __init__(self, lineages: Mapping[str, Evolved], work: Mapping[str, list[Outcome]]) -> None:
        start = lineages[FULL].engines[:1]
        self.lineages = {NONE: Evolved(start, 0, 0), **lineages}
        self.work = work

    def outcomes(self, method: str, generation: int = -1) -> list[Outcome]:
        """Of a method's generation; of its last where it has fewer."""
        engines = self.lineages[method].engines
        return self.work[Blueprint.from_json(engines[min(generation, len(engines) - 1)]).digest]


def run(given: argparse.Namespace) -> list[Seed]:
    """All evolutions and all held-out work, in several processes."""
    began, numbers = time.monotonic(), range(1, given.seeds + 1)
    case = given.domain, f"scripted?faults={given.faults:g}"
    lineages, work = {number: dict[str, Evolved]() for number in numbers}, dict[int, dict[str, list[Outcome]]]()
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        evolving = {
            pool.submit(evolved, method, *case, number, given.rounds): (number, method)
            for number in numbers
            for method in METHODS
        }
        judging = {}
        for lineage in as_completed(evolving):
            number, method = evolving[lineage]
            lineages[number][method] = lineage.result()
            tell(began, f"seed {number}, {method}: generation {len(lineage.result().engines) - 1}")
            if len(lineages[number]) == len(METHODS):
                last = [found.engines[-1] for found in lineages[number].values()]
                engines = [*lineages[number][FULL].engines, *last]
                judging[pool.submit(judged, engines, *case, number, given.tasks)] = number
        for done in as_completed(judging):
            work[judging[done]] = done.result()
            tell(began, f"seed {judging[done]}: {len(done.result())} engines on {given.tasks} held-out tasks")
    return [Seed(lineages[number], work[number]) for number in numbers]


def tell(began: float, what: str) -> None:
    """Say on stderr how far it is: it takes minutes."""
    print(f"{time.monotonic() - began:6.0f} s  {what}", file=sys.stderr)


def methods_table(seeds: Sequence[Seed]) -> None:
    """One line a method."""
    print("| method | yield | accepted per 1M tokens | gain over none | defective | trials, M tokens | patches kept |")
    print("|---|---|---|---|---|---|---|")
    for method in (NONE, *METHODS):
        found = [seed.outcomes(method) for seed in seeds]
        lineages = [seed.lineages[method] for seed in seeds]
        shares, rates = (Mean.of([measure(arm) for arm in found]) for measure in (share, per_million))
        gain = "" if method == NONE else gained(seeds, found).said("+.1%")
        kept = [len(lineage.engines) - 1 for lineage in lineages]
        print(
            f"| {method} | {shares.said('.1%', 1)} | {rates.said('.2f')} | {gain} "
            f"| {Mean.of([defective(arm) for arm in found]).mean:.1%} "
            f"| {Mean.of([lineage.tokens / 1e6 for lineage in lineages]).mean:.1f} | {', '.join(map(str, kept))} |"
        )


def generations_table(seeds: Sequence[Seed]) -> None:
    """One line a generation of the full engine. A seed whose evolution ended sooner counts with its last one."""
    print("| generation of full | seeds that have it | yield | accepted per 1M tokens | gain over generation 0 |")
    print("|---|---|---|---|---|")
    last = [len(seed.lineages[FULL].engines) - 1 for seed in seeds]
    for generation in range(max(last) + 1):
        found = [seed.outcomes(FULL, generation) for seed in seeds]
        shares, rates = (Mean.of([measure(arm) for arm in found]) for measure in (share, per_million))
        gain = gained(seeds, found).said("+.1%") if generation else ""
        reached = sum(number >= generation for number in last)
        print(f"| {generation} | {reached} of {len(seeds)} | {shares.said('.1%', 1)} | {rates.said('.2f')} | {gain} |")


def gained(seeds: Sequence[Seed], found: Sequence[list[Outcome]]) -> Mean:
    """How many more are accepted for the same tokens than without evolution, seed by seed."""
    none = [per_million(seed.outcomes(NONE)) for seed in seeds]
    return Mean.of([per_million(arm) / before - 1 for arm, before in zip(found, none, strict=True)])


def verdict(seeds: Sequence[Seed]) -> None:
    """Whether the full loop beats the others, in words, and when it has paid for itself."""
    measures: dict[str, Callable[[Sequence[Outcome]], float]] = {
        "accepted per 1M tokens": per_million,
        "points of yield": lambda arm: 100 * share(arm),
    }
    for unit, measure in measures.items():
        full = [measure(seed.outcomes(FULL)) for seed in seeds]
        for method in (NONE, *(method for method in METHODS if method != FULL)):
            other = [measure(seed.outcomes(method)) for seed in seeds]
            print(f"- full {versus(full, other, method, unit)}.")
    tokens = Mean.of([seed.lineages[FULL].tokens for seed in seeds]).mean
    price = [1e6 / Mean.of([per_million(seed.outcomes(method)) for seed in seeds]).mean for method in (NONE, FULL)]
    saved = price[0] - price[1]
    paid = f"repaid after about {tokens / saved:,.0f} accepted dialogues" if saved > 0 else "not repaid"
    print(f"- full's trials cost {tokens / 1e6:.1f}M tokens beside what entered the data set: {paid}.")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="hotel")
    parser.add_argument("--faults", type=float, default=0.3, help="of the scripted model")
    parser.add_argument("--seeds", type=int, default=5, help="how many: 1, 2, ...")
    parser.add_argument("--tasks", type=int, default=192, help="held-out tasks of each seed")
    parser.add_argument("--rounds", type=int, default=SETTINGS["rounds"])
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    gate = SETTINGS["gate"]
    print(
        f"{given.domain}, scripted?faults={given.faults:g}, seeds 1 to {given.seeds}. Evolution: {given.rounds} "
        f"rounds, {PLANS} plan pairs a batch, pilot {SETTINGS['pilot']}, screening {gate['screen_size']}, confirmation "
        f"{', '.join(map(str, gate['looks']))}. Held out: {given.tasks} tasks a seed. Means over seeds with 95 % "
        "intervals.\n"
    )
    seeds = run(given)
    methods_table(seeds)
    print()
    generations_table(seeds)
    print()
    verdict(seeds)


if __name__ == "__main__":
    main()
