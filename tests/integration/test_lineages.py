"""Several lineages: an older generation is patched again, and what comes of it has to beat the champion to be it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from command import snapshot
from reflectors import Reflector, patch

from eigen_graph.graphs import Context, EvolutionSettings, Run, RunRequest
from eigen_graph.graphs.evolving.parents import sample_parent
from eigen_graph.runs import LedgerReader, RunFolder
from eigen_graph.runs.lineage import GenerationRow


def plays(visits: int) -> dict[str, Any]:
    """A patch that lets a dialogue be played so often."""
    return patch(
        *(
            {"op": "set_param", "node": node, "name": "visits", "value": visits}
            for node in ("dialogue", "judge", "reviewer")
        )
    )


GOOD, BETTER = plays(3), plays(6)
GATE = {"looks": (32, 64), "screen_size": 48, "permutations": 1999, "resamples": 199, "objective": "acceptance"}
SETTINGS = EvolutionSettings(rounds=2, pilot=48, lineages=2, proposals=1, gate=GATE)


def seed_that_returns_to_generation_0() -> int:
    """A run's seed by which the second round patches the first generation, although the second one is better."""
    family = [GenerationRow(number=n, blueprint={}, digest="", score=1.0 + 0.1 * n, champion=n == 1) for n in (0, 1)]
    return next(seed for seed in range(100) if not sample_parent(family, random.Random(f"{seed}/round-2")).number)


async def evolve(path: Path, first: Any, second: Any, seed: int) -> list[str]:
    context = Context(domain="hotel", model="scripted?faults=0.7", reflector_model=Reflector(plays=[[first], [second]]))
    request = RunRequest(count=8, seed=seed, evolve=SETTINGS.model_dump(mode="json"))
    async with Run.open(path, context, request) as run:
        return [event["phase"] async for event in run.events() if "phase" in event]


@pytest.fixture(scope="module", params=["the better one comes second", "the better one comes first"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bool, Path]:
    path = tmp_path_factory.mktemp("lineages") / "run"
    better_last = request.param == "the better one comes second"
    patches = (GOOD, BETTER) if better_last else (BETTER, GOOD)
    asyncio.run(evolve(path, *patches, seed_that_returns_to_generation_0()))
    return better_last, path


def read(path: Path) -> LedgerReader:
    return RunFolder.open(path).reader()


def test_an_older_generation_is_patched_and_duels_the_champion(run: tuple[bool, Path]) -> None:
    better_last, path = run
    with read(path) as ledger:
        generations = {row.number: row for row in ledger.generations()}
        arms = {row.arm for row in ledger.instances(trial=None)}
    assert generations[1].parent == 0
    assert [row.parent for row in generations.values()][1:] == [0, 0]
    assert {"c1", "c2", "g0", "g1"} <= arms
    assert [row.champion for row in generations.values()] == [False, not better_last, better_last]
    assert [row.live for row in generations.values()] == [False, True, True]


def test_each_seed_is_in_the_data_once_whoever_won(run: tuple[bool, Path]) -> None:
    with read(run[1]) as ledger:
        rows = list(ledger.instances())
    assert sorted(row.index for row in rows) == list(range(len(rows)))


def test_again_gives_the_same(run: tuple[bool, Path], tmp_path: Path) -> None:
    if not run[0]:
        pytest.skip("one of the two will do")
    asyncio.run(evolve(tmp_path / "again", GOOD, BETTER, seed_that_returns_to_generation_0()))
    assert snapshot(tmp_path / "again") == snapshot(run[1])
