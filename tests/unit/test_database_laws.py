"""The laws that judging rests on: forks are free, isolated, and compared by what they touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eigen_graph.core import Change, Database, Record, UnknownNameError


class Part(Record):
    label: str
    weight: int | float


class Item(Record):
    name: str
    price: int | float
    parts: tuple[Part, ...] = ()
    note: str | None = None


class Flag(Record):
    on: bool


SCHEMA: dict[str, type[Record]] = {"items": Item, "flags": Flag}
Contents = dict[str, dict[str, Record]]

keys = st.sampled_from(["a", "b", "c", "d", "é", ""])
numbers = st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5, -2.0])
items = st.builds(
    Item,
    name=st.sampled_from(["x", "y"]),
    price=numbers,
    parts=st.lists(st.builds(Part, label=st.just("p"), weight=numbers), max_size=2).map(tuple),
    note=st.none() | st.just("n"),
)
flags = st.builds(Flag, on=st.booleans())
contents = st.fixed_dictionaries(
    {"items": st.dictionaries(keys, items, max_size=4), "flags": st.dictionaries(keys, flags, max_size=3)}
)
puts = st.tuples(st.just("items"), keys, items) | st.tuples(st.just("flags"), keys, flags)
removals = st.tuples(st.sampled_from(["items", "flags"]), keys, st.none())
writes = st.lists(puts | removals, max_size=8)


def write(db: Database, steps: Any) -> Database:
    for table, key, record in steps:
        if record is not None:
            db[table].put(key, record)
        elif key in db[table]:
            db[table].remove(key)
    return db


def write_plainly(plain: Contents, steps: Any) -> Contents:
    """The same on ordinary dicts: what a database must amount to."""
    plain = {name: dict(rows) for name, rows in plain.items()}
    for table, key, record in steps:
        if record is not None:
            plain[table][key] = record
        else:
            plain[table].pop(key, None)
    return plain


def as_dicts(db: Database) -> Contents:
    return {name: dict(table) for name, table in db.items()}


@given(contents, writes)
def test_a_database_amounts_to_plain_dicts(base: Contents, steps: Any):
    db, plain = write(Database(SCHEMA, base).fork(), steps), write_plainly(base, steps)
    assert as_dicts(db) == plain
    for name, table in db.items():
        assert len(table) == len(plain[name]) == len(list(table))
        assert all(key in table for key in plain[name])
        assert [key for key in ("a", "b", "c", "d", "é", "") if key in table] == [
            key for key in ("a", "b", "c", "d", "é", "") if key in plain[name]
        ]


@given(contents, writes, writes, writes)
def test_a_fork_never_changes_its_base_nor_its_siblings(base: Contents, first: Any, second: Any, third: Any):
    root = Database(SCHEMA, base)
    parent = write(root.fork(), first)
    child = write(parent.fork(), second)
    sibling = write(parent.fork(), third)
    assert as_dicts(root) == base
    assert as_dicts(parent) == write_plainly(base, first)
    assert as_dicts(child) == write_plainly(write_plainly(base, first), second)
    assert as_dicts(sibling) == write_plainly(write_plainly(base, first), third)
    write(parent, second)  # and a parent never changes its forks
    assert as_dicts(sibling) == write_plainly(write_plainly(base, first), third)


@given(contents, writes, writes)
def test_a_diff_applied_to_the_base_gives_the_fork(base: Contents, first: Any, second: Any):
    root = Database(SCHEMA, base)
    fork = write(write(root.fork(), first).fork(), second)
    changes = [Change.model_validate_json(change.model_dump_json()) for change in fork.diff()]
    again = root.fork()
    again.apply(changes)
    assert again.same_as(fork)
    assert as_dicts(again) == as_dicts(fork)
    assert again.diff() == fork.diff()
    assert bool(changes) == (as_dicts(fork) != base)


@given(contents, writes, writes)
def test_equality_by_touched_records_is_full_equality(base: Contents, first: Any, second: Any):
    root = Database(SCHEMA, base)
    left, right = write(root.fork(), first), write(root.fork(), second)
    full = as_dicts(left) == as_dicts(right)
    assert left.same_as(right) == right.same_as(left) == full
    assert Database(SCHEMA, as_dicts(left)).same_as(right) == full  # bases apart: compared whole
    assert left.same_as(left.fork())


@given(contents, writes, writes)
def test_digests_are_equal_exactly_for_equal_contents(base: Contents, first: Any, second: Any):
    root = Database(SCHEMA, base)
    left, right = write(root.fork(), first), write(root.fork(), second)
    assert (left.digest() == right.digest()) == left.same_as(right)
    assert (left.digest() == root.digest()) == left.same_as(root)
    assert left.digest() == left.fork().digest()
    assert root.digest() == Database(SCHEMA, base).digest()


@given(contents, writes)
def test_json_round_trip(base: Contents, steps: Any):
    db = write(Database(SCHEMA, base).fork(), steps)
    again = Database.from_json(SCHEMA, json.loads(json.dumps(db.to_json())))
    assert again.same_as(db)
    assert as_dicts(again) == as_dicts(db)


def test_numbers_are_compared_as_numbers():
    root = Database(SCHEMA, {"items": {"a": Item(name="x", price=3)}})
    whole, decimal = root.fork(), root.fork()
    whole["items"].update("a", price=2)
    decimal["items"].update("a", price=2.0)
    assert whole.same_as(decimal)
    assert whole.digest() == decimal.digest()


def test_a_write_that_restores_the_base_is_no_change():
    root = Database(SCHEMA, {"items": {"a": Item(name="x", price=3)}})
    fork = root.fork()
    fork["items"].update("a", price=4)
    fork["items"].update("a", price=3)
    fork["items"].put("new", Item(name="y", price=1))
    fork["items"].remove("new")
    assert fork["items"].touched == {"a"}
    assert fork.diff() == ()
    assert fork.digest() == root.digest()


def test_a_fork_costs_what_was_touched_not_what_there_is():
    root = Database(SCHEMA, {"items": {str(n): Item(name="x", price=n) for n in range(2000)}})
    fork = root.fork()
    fork["items"].update("7", price=0)
    assert fork["items"]._base is root["items"]._base
    assert len(fork["items"]._changed) == 1
    assert [change.key for change in fork.diff()] == ["7"]


def test_wrong_names_and_records_are_refused():
    db = Database(SCHEMA)
    with pytest.raises(UnknownNameError, match=r"no table 'things'; there are \['flags', 'items'\]"):
        db["things"]
    with pytest.raises(UnknownNameError, match="are not in the schema"):
        Database(SCHEMA, {"things": {}})
    with pytest.raises(UnknownNameError, match="are not in the schema"):
        Database.from_json(SCHEMA, {"things": {}})
    with pytest.raises(TypeError, match="table 'flags' holds Flag, not Item"):
        db["flags"].put("a", Item(name="x", price=1))
    db["flags"].put("a", Flag(on=True))
    with pytest.raises(ValidationError):
        db["flags"].update("a", on="perhaps")
    with pytest.raises(ValidationError):
        db["flags"].update("a", colour="red")
    with pytest.raises(KeyError):
        db["flags"].remove("b")
    assert "things" not in db
    assert db["flags"]["a"].on
    with pytest.raises(ValidationError, match="frozen"):
        db["flags"]["a"].on = False
