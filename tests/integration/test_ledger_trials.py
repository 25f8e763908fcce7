"""Trials in the ledger: apart from the data set, moved into it and out of it, paid for and counted."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_rows import Call, plan, row

from eigen_graph.runs import Cost, InstanceRow, Ledger, LedgerError, LedgerReader, arm_instance_id, instance_id

TAGS = {"clauses": ["1"], "tools": ["pay"], "difficulty": "easy"}


def test_an_arm_is_named_by_its_generation_unless_it_is_a_candidate():
    assert instance_id(2, 7) == arm_instance_id("g2", 7) == "g2-000007"
    assert (row(1, generation=2).arm, row(1, arm="c3").arm, plan(0).arm) == ("g2", "c3", "g0")
    assert InstanceRow.from_json(row(1, generation=2).to_json()) == row(1, generation=2)


async def test_what_is_made_for_a_trial_is_in_no_view_of_the_data_set(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_plans([plan(0), plan(1, clause="2", arm="c3", trial="r2")])
        await ledger.add_instance(row(0, task={"id": "t", "eigen": TAGS}))
        before = (ledger.counts(), ledger.finished_ids(), ledger.cells(), ledger.coverage())
        trial: dict[str, Any] = {"trial": "r2", "task": {"id": "t", "eigen": TAGS}, "plan_id": "p0"}
        await ledger.add_instance(row(0, arm="c3", **trial))
        await ledger.add_instance(row(1, 1, arm="c3", **trial, fate="rejected", blame="agent"))
        await ledger.add_instance(row(1, **trial))

        assert (ledger.counts(), ledger.finished_ids(), ledger.cells(), ledger.coverage()) == before
        assert [found.id for found in ledger.instances()] == ["g0-000000"]
        assert [found.id for found in ledger.plans()] == ["p0"]

        assert [found.id for found in ledger.instances(trial=None)] == [
            "c3-000000",
            "c3-000001",
            "g0-000000",
            "g0-000001",
        ]
        assert [found.id for found in ledger.instances("rejected", arm="c3", trial="r2")] == ["c3-000001"]
        assert [found.id for found in ledger.instances(arm="g0", trial=None)] == ["g0-000000", "g0-000001"]
        assert [found.id for found in ledger.plans(0, arm="c3", trial=None)] == ["p1"]
        assert (ledger.counts(trial="r2").accepted, ledger.counts(trial="r2").by_blame) == (2, {"agent": 1})
        assert ledger.counts(1, arm="c3", trial=None).total == 1
        assert ledger.finished_ids(trial="r2", arm="c3") == {"c3-000000", "c3-000001"}
        assert ledger.finished_among(["c3-000001", "g0-000000", "c9-000000"]) == {"c3-000001", "g0-000000"}
        assert ledger.instance("c3-000001").trial == "r2"
        with pytest.raises(LedgerError, match="its instances are g0-000000 to g0-000000"):
            ledger.instance("c9-000000")


async def test_costs_are_known_by_instance_and_trials_are_paid_for_too(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.record(Call("a", "g0-000000"))
        await ledger.record(Call("b", "c3-000000/user", role="user", input_tokens=7, cost_usd=0.5))
        await ledger.record(Call("c", "c3-000000", input_tokens=3, cost_usd=0.5))
        await ledger.record(Call("d", "c3-000001"))
        await ledger.record(Call("e", "c3-000001", role="user", cost_usd=None))
        for made in (row(0), row(0, arm="c3", trial="r2"), row(1, arm="c3", trial="r2"), row(2)):
            await ledger.add_instance(made)
        await ledger.record(Call("f", "c3-000002"))

        assert ledger.costs(["g0-000000", "c3-000000", "c3-000001", "g0-000002"]) == {
            "g0-000000": Cost(110, 0.25),
            "c3-000000": Cost(30, 1.0),
            "c3-000001": Cost(220, None),
            "g0-000002": Cost(0, 0.0),
        }
        assert ledger.costs([]) == {}
        assert (ledger.spent().calls, ledger.trial_spent().calls) == (6, 4)
        assert (ledger.trial_spent().cost_usd, ledger.trial_spent().unpriced_calls) == (1.25, 1)
        assert len(list(ledger.usage())) == 5
        await ledger.adopt(["c3-000000"], generation=1)
        assert (ledger.spent().calls, ledger.trial_spent().calls) == (6, 2)


async def test_a_candidates_rows_take_their_parents_places(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_plans([plan(0), plan(1), plan(2), plan(9, id="own", arm="c3", trial="r2")])
        await ledger.add_plans([plan(5, id="parents", trial="")])
        for made in (row(0), row(1), row(2, plan_id="p1"), row(5, plan_id="parents")):
            await ledger.add_instance(made)
        for made in (row(0), row(1), row(9, plan_id="own")):
            name = arm_instance_id("c3", made.index)
            await ledger.add_instance(made.model_copy(update={"id": name, "arm": "c3", "trial": "r2"}))
        ours = ["c3-000000", "c3-000001", "c3-000009"]
        for _ in range(2):  # twice is as good as once
            await ledger.adopt(ours, generation=1, instead_of=["g0-000000", "g0-000001", "g0-000005"], trial="r2")
            assert [found.id for found in ledger.instances()] == [*ours, "g0-000002"]
            assert {(found.arm, found.generation) for found in ledger.instances(generation=1)} == {("c3", 1)}
            assert ledger.finished_ids(trial="r2") == {"g0-000000", "g0-000001", "g0-000005"}
            # What is shared stays where it was, what came with the candidate follows it, what nobody uses goes.
            assert {found.id: found.generation for found in ledger.plans()} == {"p0": 0, "p1": 0, "p2": 0, "own": 1}
            assert [found.id for found in ledger.plans(trial="r2")] == ["parents"]
        assert ledger.counts(0).total == 1


async def test_what_cannot_be_moved_is_refused_and_nothing_moves(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(row(0))
        await ledger.add_instance(row(0, arm="c3", trial="r2"))
        before = list(ledger.snapshot())
        with pytest.raises(LedgerError, match="holds no instance 'c3-000001'"):
            await ledger.adopt(["c3-000000", "c3-000001"], generation=1)
        with pytest.raises(LedgerError, match="holds no instance 'g0-000007'"):
            await ledger.adopt(["c3-000000"], generation=1, instead_of=["g0-000007"], trial="r2")
        with pytest.raises(LedgerError, match="name it"):
            await ledger.adopt(["c3-000000"], generation=1, instead_of=["g0-000000"])
        with pytest.raises(LedgerError, match="name it"):
            await ledger.shelve(["g0-000000"], "")
        with pytest.raises(LedgerError, match="holds no instance"):
            await ledger.shelve(["g1-000000"], "r2")
        assert list(ledger.snapshot()) == before
        await ledger.shelve(["c3-000000"], "r7")
        assert ledger.instance("c3-000000").trial == "r2"  # it is another trial's


async def test_a_row_in_a_snapshot_says_where_it_belongs(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_plans([plan(0, trial="r2")])
        await ledger.add_instance(row(0, arm="c3", trial="r2"))
        before = list(ledger.snapshot())
        assert [part["plan"]["trial"] for part in before if "plan" in part] == ["r2"]
        assert [part["instance"]["arm"] for part in before if "instance" in part] == ["c3"]
        await ledger.adopt(["c3-000000"], generation=1)
        assert list(ledger.snapshot()) != before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.sets(st.integers(0, 7)), st.integers(0, 9))
def test_shelving_and_adopting_again_restores_every_row(plans: list[int], some: set[int], generation: int):
    async def law(path: Path) -> None:
        async with Ledger(path) as ledger:
            await ledger.add_plans([plan(index, generation=generation) for index in range(6)])
            for index, used in enumerate(plans):
                await ledger.add_instance(row(index, generation, plan_id=f"p{used}"))
            moved = [instance_id(generation, index) for index in some if index < len(plans)]
            stay = {instance_id(generation, index) for index in range(len(plans))} - set(moved)
            before = list(ledger.snapshot())
            await ledger.shelve(moved, "r1")
            shelved = list(ledger.snapshot())
            await ledger.shelve(moved, "r1")
            assert list(ledger.snapshot()) == shelved
            assert ledger.finished_ids() == stay
            used = {found.plan_id for found in ledger.instances()}
            given_up = {f"p{plans[index]}" for index in some if index < len(plans)} - used
            assert {found.id for found in ledger.plans(trial="r1")} == given_up
            await ledger.adopt(moved, generation=generation)
            await ledger.adopt(moved, generation=generation)
            assert list(ledger.snapshot()) == before

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(law(Path(folder) / "l.sqlite"))


async def test_moves_share_commits_with_everything_else(tmp_path: Path):
    async with Ledger(tmp_path / "l.sqlite") as ledger:
        await ledger.add_instance(row(0, arm="c1", trial="r1"))
        moves = [ledger.adopt(["c1-000000"], generation=1) for _ in range(20)]
        await asyncio.gather(*moves, *(ledger.add_instance(row(index)) for index in range(100)))
        with LedgerReader(ledger.path) as reader:
            assert reader.counts().total == 101
