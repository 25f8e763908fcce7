"""Bad days of a run that evolves: whatever stops a trial, the best confirmed generation goes on, and it is said why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import refused, run, snapshot
from openai_server import Serve
from reflectors import Reflector, answer, patch

from eigen_graph.core import Domain, EigenGraphError, Playbook, Policy
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, EvolutionSettings, Run, RunPausedError, RunRequest
from eigen_graph.models import OutageError, ScriptedChat
from eigen_graph.runs import LedgerReader, RunFolder

MENDING = patch(
    {
        "op": "add_node",
        "name": "repair",
        "kind": "repair",
        "after": {"source": "reviewer", "outcome": "repair"},
        "routes": {"finished": "judge"},
        "visits": 2,
    },
    {"op": "set_param", "node": "judge", "name": "visits", "value": 3},
    {"op": "set_param", "node": "reviewer", "name": "visits", "value": 3},
)
HOPELESS = patch({"op": "set_param", "name": "max_steps", "value": 4})
MENDING_MORE = patch(
    {"op": "set_param", "node": "repair", "name": "visits", "value": 4},
    {"op": "set_param", "node": "judge", "name": "visits", "value": 5},
    {"op": "set_param", "node": "reviewer", "name": "visits", "value": 5},
)
REWRITING = patch(
    {"op": "set_param", "node": "scenario", "name": "visits", "value": 3},
    {"op": "set_param", "node": "checker", "name": "visits", "value": 3},
)
ROUNDS = [[MENDING, HOPELESS], [MENDING_MORE, REWRITING]]
"""Of the first round one is kept; of the second, one comes to both looks of its confirmation and is not."""
SMALL = {"screen_size": 16, "looks": [8, 16], "level": 0.3, "screen_level": 0.5, "min_effect": 0}


async def evolve(
    path: Path,
    plays: Any = ROUNDS,
    *,
    again: bool = False,
    pause: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    count: int = 30,
    context: Mapping[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Run to the end, or until an event comes at which it is to pause; `again` goes on with it."""
    chosen = {
        "rounds": len(plays) if isinstance(plays, list) else 10,
        "pilot": 16,
        "proposals": 2,
        "gate": SMALL,
        **settings,
    }
    request = RunRequest(count=count, seed=1, evolve=EvolutionSettings.model_validate(chosen).model_dump(mode="json"))
    given = Context.model_validate(
        {"model": "scripted?faults=0.6", "reflector_model": Reflector(plays=plays), **(context or {})}
    )
    async with Run.open(path, given, None if again else request) as run_:
        async for event in run_.events():
            if pause(event):
                given.stop.set()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on which nothing happens."""
    path = tmp_path_factory.mktemp("bad_days") / "whole"
    asyncio.run(evolve(path))
    return path


def reader(path: Path) -> LedgerReader:
    return RunFolder.open(path).reader()


def fates(ledger: LedgerReader) -> dict[str, str]:
    return {row.name: row.fate for row in ledger.candidates()}


def why_it_ended(ledger: LedgerReader) -> tuple[str, int]:
    note = ledger.notes()[-1]
    assert note.kind == "ended"
    return note.data["why"], note.data["generation"]


def tokens(ledger: LedgerReader, arms: Collection[str], *, trial: str | None = None, below: int = 1000) -> int:
    rows = [row for arm in arms for row in ledger.instances(arm=arm, trial=trial) if row.index < below]
    return sum(cost.tokens for cost in ledger.costs([row.id for row in rows]).values())


def test_a_candidate_that_accepts_nothing_is_turned_down(whole: Path) -> None:
    with reader(whole) as ledger:
        assert fates(ledger) == {"c1": "accepted", "c2": "rejected", "c3": "rejected", "c4": "rejected"}
        hopeless = ledger.candidates()[1]
    assert hopeless.screen is not None
    assert hopeless.screen["accepted"][1] == 0
    assert hopeless.reason.startswith("no better than its parent")
    assert "guard acceptance: " in hopeless.reason


async def test_a_generation_that_accepts_nothing_can_be_mended(tmp_path: Path) -> None:
    able = patch({"op": "set_param", "name": "max_steps", "value": 60})
    await evolve(tmp_path / "run", [[able]], context={"max_steps": 4})
    with reader(tmp_path / "run") as ledger:
        (row,) = ledger.candidates()
        assert row.fate == "accepted"
        assert row.confirm is not None
        assert row.confirm["per_cost"]["gain"] is None
        assert ledger.counts().accepted >= 30


def budgets(whole: Path) -> dict[str, str]:
    """Budgets of the trials that run out in the middle of round 2."""
    with reader(whole) as ledger:
        before = sum(tokens(ledger, [arm], trial="r1") for arm in ("c1", "c2", "g0"))
        screened = [tokens(ledger, [arm], below=32) for arm in ("c3", "c4")]
    return {
        "screen": f"{before + screened[0] // 2}tokens",
        "confirmation": f"{before + sum(screened) + 1000}tokens",
    }


@pytest.mark.parametrize("when", ["screen", "confirmation"])
async def test_a_spent_trial_budget_ends_the_evolution_and_not_the_run(whole: Path, tmp_path: Path, when: str) -> None:
    path, cut, budget = tmp_path / "run", tmp_path / "cut", budgets(whole)[when]
    await evolve(path, budget=budget, count=60)
    with reader(path) as ledger:
        second = {row.name: row for row in ledger.candidates(2)}
        assert fates(ledger)["c1"] == "accepted"
        assert (second["c3"].fate, second["c3"].reason) == ("unfinished", "the budget of the trials was spent")
        assert second["c4"].fate == ("unfinished" if when == "screen" else "rejected")
        assert second["c3"].screen is not None, "what had begun was finished"
        assert (second["c3"].confirm is not None) == (when == "confirmation")
        assert ledger.rounds()[-1].ended == "c3 was not kept: the budget of the trials was spent"
        assert why_it_ended(ledger) == ("the budget of the trials is spent", 1)
        assert ledger.counts().accepted >= 60
        assert {row.arm for row in ledger.instances() if row.index >= 40} == {"g1"}
    first, seen = "c3-" if when == "screen" else "g1-", set[str]()

    def is_over_budget(event: Mapping[str, Any]) -> bool:
        if event.get("trial") == "r2" and event["instance"].startswith(first):
            seen.add(event["instance"])
        return len(seen) == (12 if when == "screen" else 4)

    with pytest.raises(RunPausedError):
        await evolve(cut, budget=budget, count=60, pause=is_over_budget, context={"concurrency": 2})
    await evolve(cut, again=True)
    assert snapshot(cut) == snapshot(path)


async def test_a_budget_that_is_spent_before_anything_is_good_says_so(tmp_path: Path) -> None:
    await evolve(tmp_path / "run", [[HOPELESS, MENDING]], budget="1tokens", count=10)
    with reader(tmp_path / "run") as ledger:
        assert fates(ledger) == {"c1": "rejected", "c2": "unfinished"}
        (round_,) = ledger.rounds()
        assert round_.ended == "no candidate was better before the budget of the trials was spent"
        assert why_it_ended(ledger) == ("the budget of the trials is spent", 0)


NONSENSE: Mapping[str, tuple[str, str]] = {
    "words": (
        "I would rather talk about the weather.",
        "the reflector's reply cannot be used: it holds no complete JSON",
    ),
    "another schema": ('{"patches": "all of them"}', "the reflector's reply cannot be used: patches"),
    "no patches": (answer([patch({"op": "drop_node", "name": "nobody", "to": "accept"})]), "no node 'nobody'"),
    "no objects": ('{"patches": [7, null, "drop it", [], {}]}', "valid dictionary"),
    "the same again": (answer([HOPELESS]), "proposed before"),
    "nothing": (answer([]), ""),
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_a_reflector_that_talks_nonsense_for_ever_is_not_heard_for_ever(tmp_path: Path, kind: str) -> None:
    said, complaint = NONSENSE[kind]
    reflector = Reflector(plays=lambda *_: said)
    await evolve(tmp_path / "run", reflector.plays, context={"reflector_model": reflector}, count=20, pilot=8)
    with reader(tmp_path / "run") as ledger:
        assert why_it_ended(ledger) == ("no patch was kept in 2 rounds", 0)
        assert ledger.rounds()[-1].ended == "the reflector proposed nothing that can be used"
        assert [round_.number for round_ in ledger.rounds()] == [1, 2]
        assert ledger.counts().accepted >= 20
        refused = ledger.candidates(2)
    assert {row.fate for row in refused} == ({"refused"} if complaint else set())
    assert all(complaint in row.reason for row in refused[:1])
    assert len(reflector.asked) <= 2 * 3 * 2, "tries a round, each mended once"


async def test_a_server_that_is_gone_when_it_is_to_reflect_pauses_the_run(whole: Path, tmp_path: Path) -> None:
    def gone(*_: Any) -> str:
        raise ConnectionError("nobody is there")

    with pytest.raises(OutageError, match=r"nothing is lost; resume the run .* nobody is there"):
        await evolve(tmp_path / "run", gone, rounds=2)
    with reader(tmp_path / "run") as ledger:
        assert not ledger.rounds()
    await evolve(tmp_path / "run", again=True)
    assert snapshot(tmp_path / "run") == snapshot(whole)


async def test_one_at_a_time_comes_to_the_same(whole: Path, tmp_path: Path) -> None:
    await evolve(tmp_path / "run", context={"concurrency": 1})
    assert snapshot(tmp_path / "run") == snapshot(whole)


async def test_fewer_are_wanted_than_a_generation_works_for_its_evidence(tmp_path: Path) -> None:
    await evolve(tmp_path / "run", count=1)
    with reader(tmp_path / "run") as ledger:
        assert fates(ledger)["c1"] == "accepted"
        assert len(list(ledger.instances())) == 16 + 16 + 16, "the pilot and two confirmations, and nothing more"


async def test_a_domain_with_few_clauses_evolves(tmp_path: Path) -> None:
    await evolve(
        tmp_path / "run",
        context={"model": ScriptedChat(faults=0.6, domains={"doorway": doorway()}), "domain": doorway()},
        count=20,
    )
    with reader(tmp_path / "run") as ledger:
        assert all(row.screen for row in ledger.candidates() if row.fate != "refused")
        assert ledger.counts().accepted >= 20


def doorway() -> Domain:
    """What is left of the hotel with two clauses."""
    hotel = load_domain("hotel")
    assert isinstance(hotel.playbook, Playbook)
    clauses = hotel.policy.clauses
    policy = Policy("\n".join(f"{number}. {clauses[number]}" for number in ("1", "22")))
    intents = {name: hotel.playbook.intents[name] for name in ("nobody_can_place", "emergency")}
    return replace(hotel, name="doorway", policy=policy, playbook=Playbook(intents))


@pytest.mark.parametrize(
    ("wrong", "saying"),
    [
        ({"gate": {"looks": [96, 48]}}, "looks must rise, from 8 tasks or more"),
        ({"gate": {"looks": [4, 48]}}, "looks must rise, from 8 tasks or more"),
        ({"gate": {"level": 0.0001, "permutations": 99}}, "too few permutations"),
        ({"budget": "plenty"}, "budget 'plenty' is neither money nor tokens"),
        ({"rounds": -1, "tries": 0}, "rounds: Input should be greater than or equal to 0; tries"),
        ({"tea": 1}, "tea: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_written(tmp_path: Path, wrong: dict[str, Any], saying: str) -> None:
    async def begin() -> None:
        async with Run.open(tmp_path / "run", Context(), RunRequest(count=1, evolve=wrong)):
            pass

    with pytest.raises(EigenGraphError, match=r"^evolution's settings: ") as told:
        asyncio.run(begin())
    assert saying in str(told.value)
    assert "\n" not in str(told.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "saying"),
    [
        (("--looks", "96,48"), ("looks must rise",)),
        (("--looks", "many"), ("looks.0", "integer")),
        (("--trial-budget", "plenty"), ("'plenty' is neither money nor tokens", "2Mtokens")),
        (("--level", "0"), ("--level",)),
        (("--pilot", "2"), ("--pilot",)),
        (("--objective", "fame"), ("objective", "'per_cost' or 'acceptance'")),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else None,
)
def test_a_wrong_option_is_told_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], saying: tuple[str, ...]
) -> None:
    refused("synthesize", "hotel", "--evolve", *options, saying=saying, cwd=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_trial_budget_in_money_needs_prices(serve: Serve, tmp_path: Path) -> None:
    url = serve(ScriptedChat(domains={"hotel": load_domain("hotel")})).url
    unpriced = ("--model", "openai:scripted?send_case=true", "--base-url", url)
    saying = ("needs the prices of openai:scripted", "?in=")
    refused("synthesize", "hotel", *unpriced, "--evolve", "--trial-budget", "$5", saying=saying, cwd=tmp_path)
    assert not any(tmp_path.iterdir())
    run("synthesize", "hotel", *unpriced, "--count", 2, "--out", "run", cwd=tmp_path)
    refused("evolve", "run", "--trial-budget", "$5", saying=saying, cwd=tmp_path)
    with reader(tmp_path / "run") as ledger:
        assert not ledger.notes(), "nothing that a later evolution would go on with"
