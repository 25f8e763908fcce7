"""What `evolution.py` and `ablation.py` share: engines evolved in earnest, held-out work, and sums over seeds.

Held-out tasks lie far beyond those that an evolution works, and are the same for every engine of a seed. What an engine
accepts there is held to `checkers.audit`, which asks no model and which no patch can touch.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eigen_graph.graphs import Blueprint, Context, EvolutionSettings, Run, RunRequest
from eigen_graph.graphs.batches import Arm, made, planned, spread
from eigen_graph.graphs.evolving.outcome import Outcome
from eigen_graph.graphs.recording import begin_run, recorded
from eigen_graph.graphs.trials import outcomes
from eigen_graph.runs import InstanceRow, Ledger, PlanRow

FIRST_TASK, FIRST_PLAN = 500_000, 5_000
"""Where held-out tasks and their plans begin: no evolution comes so far."""
PLANS = 64
SETTINGS: dict[str, Any] = {
    "rounds": 4,
    "patience": 4,
    "pilot": 64,
    "gate": {"screen_size": 64, "looks": (64, 128, 256)},
}
"""Of every evolution here: smaller than the defaults, and every method has all its rounds."""

Worked = Mapping[int, PlanRow]
Work = Callable[[Arm, Ledger, Worked, int], Awaitable[list[InstanceRow]]]


@dataclass(frozen=True)
class Evolved:
    """What an evolution came to."""

    engines: tuple[dict[str, Any], ...]
    """Blueprints as JSON, generation by generation; the last one is the champion."""
    tokens: int
    """Spent on trials: work that did not enter the data set."""
    proposed: int


def evolve(context: Mapping[str, Any], seed: int, settings: Mapping[str, Any], *, plans: int = PLANS) -> Evolved:
    """Run an evolution and nothing after it.

    Args:
        context: Fields of `Context`.
        seed: The run's.
        settings: Fields of `EvolutionSettings`.
        plans: Plan pairs a batch.
    """
    evolving = EvolutionSettings.model_validate(settings).model_dump(mode="json")
    request = RunRequest(count=1, seed=seed, plans=plans, evolve=evolving)
    with TemporaryDirectory() as folder:
        return asyncio.run(_evolve(Path(folder) / "run", Context(**context), request))


async def _evolve(path: Path, context: Context, request: RunRequest) -> Evolved:
    async with Run.open(path, context, request) as run:
        async for _ in run.events():
            pass
        generations, spent = run.ledger.generations(), run.ledger.trial_spent()
        assert generations[-1].champion, "one lineage: the last that was accepted is the best"
        proposed = sum(row.fate != "refused" for row in run.ledger.candidates())
    return Evolved(tuple(row.blueprint for row in generations), spent.input_tokens + spent.output_tokens, proposed)


def work(
    engines: Sequence[Mapping[str, Any]],
    context: Mapping[str, Any],
    *,
    seed: int,
    tasks: int,
    plans: int = PLANS,
    how: Work | None = None,
) -> list[list[Outcome]]:
    """What comes of the same held-out tasks under each engine.

    Args:
        engines: Blueprints as JSON.
        context: Fields of `Context`.
        seed: The tasks'.
        tasks: How many.
        plans: Plan pairs at most.
        how: Makes the instances and returns their rows, if not the engines' own workflows.
    """
    with TemporaryDirectory() as folder:
        path, made_by = Path(folder) / "run", how or _made
        return asyncio.run(_work(engines, Context(**context), path, seed=seed, tasks=tasks, plans=plans, how=made_by))


async def _work(
    engines: Sequence[Mapping[str, Any]], context: Context, path: Path, *, seed: int, tasks: int, plans: int, how: Work
) -> list[list[Outcome]]:
    async with recorded(context, begin_run(path, context, {"count": tasks})) as ledger:
        pairs = await planned(Arm("g0", 0, context), ledger, first=FIRST_PLAN, count=min(plans, tasks), seed=seed)
        todo = spread(range(FIRST_TASK, FIRST_TASK + tasks), pairs)
        arms = []
        for number, engine in enumerate(engines):
            blueprint = Blueprint.from_json(engine)
            assert blueprint.prompt("planner") == context.prompt("planner"), "it would plan other tasks"
            arm = Arm(f"g{number}", number, blueprint.on(context))
            arms.append((blueprint, await how(arm, ledger, todo, seed)))
        found, unit = await outcomes(arms, ledger, context)
        assert unit == "tokens"
        assert all(len(arm) == tasks for arm in found), "no instance was dropped"
        return found


async def _made(arm: Arm, ledger: Ledger, todo: Worked, seed: int) -> list[InstanceRow]:
    await made(arm, ledger, todo, seed=seed, tell=lambda _: None)
    return list(ledger.instances(arm=arm.name))


def share(outcomes: Sequence[Outcome]) -> float:
    """The yield: tasks whose dialogue was accepted and is without defects."""
    return sum(outcome.good for outcome in outcomes) / len(outcomes)


def per_million(outcomes: Sequence[Outcome]) -> float:
    """Accepted dialogues without defects for 1M tokens, those spent on rejected ones included."""
    return 1e6 * sum(outcome.good for outcome in outcomes) / sum(outcome.cost for outcome in outcomes)


def defective(outcomes: Sequence[Outcome]) -> float:
    """Share of the accepted dialogues that have defects."""
    accepted = [outcome for outcome in outcomes if outcome.accepted]
    return sum(not outcome.good for outcome in accepted) / max(1, len(accepted))


@dataclass(frozen=True)
class Mean:
    """The mean of one number a seed, with its 95 % interval (Student's t)."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Of at least two."""
        from scipy.stats import t  # noqa: PLC0415  # SciPy takes most of a second

        quantile = float(t.ppf(0.975, len(values) - 1))
        return cls(statistics.mean(values), quantile * statistics.stdev(values) / math.sqrt(len(values)))

    @property
    def low(self) -> float:
        """Where the interval begins."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Where it ends."""
        return self.mean + self.half

    def said(self, form: str, most: float = math.inf) -> str:
        """In a cell of a table; `most`: what no such number can exceed, and it cannot be below 0 then either."""
        low, high = (self.low, self.high) if most == math.inf else (max(0.0, self.low), min(most, self.high))
        return f"{self.mean:{form}} ({low:{form}} to {high:{form}})"


def versus(one: Sequence[float], other: Sequence[float], name: str, unit: str) -> str:
    """In words, whether one method does better than another on the same seeds, as far as so few can tell."""
    gaps = [a - b for a, b in zip(one, other, strict=True)]
    gap, won, equal = Mean.of(gaps), sum(g > 0 for g in gaps), sum(g == 0 for g in gaps)
    ties = f" (equal in {equal})" if equal else ""
    how = f"better in {won} of {len(gaps)} seeds{ties}, paired difference {gap.said('+.2f')} {unit}"
    if gap.low > 0:
        return f"beats {name}: {how}"
    if gap.high < 0:
        return f"is worse than {name}: {how}"
    if won == len(gaps):
        return f"is ahead of {name} in every seed, by how much is unsure: {how}"
    return f"cannot be told from {name}: {how}"
