"""A tau2 database forks for free, though its tools change records in place: laws, and all its tools held to them."""

from __future__ import annotations

import contextlib
import copy
import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from eigen_graph.core import (
    Actor,
    Change,
    Database,
    Domain,
    EigenGraphError,
    Side,
    Task,
    ToolCall,
    environment_of,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.tau2.copying import copied
from eigen_graph.domains.tau2.database import CopyingDatabase
from eigen_graph.domains.tau2.layout import layout_of
from eigen_graph.domains.tau2.toolkit import invoke

NAMES = ("airline", "retail", "telecom")


class Lock(BaseModel):
    codes: list[int] = []


class Door(BaseModel):
    colour: str
    lock: Lock


class Bell(BaseModel):
    bell_id: str
    rings: int


class Lamp(BaseModel):
    on: bool = False
    hours: dict[str, list[int]] = {}


class House(BaseModel):
    """A database with a field of each kind."""

    doors: dict[str, Door]
    bells: list[Bell]
    lamp: Lamp


def house() -> House:
    return House(
        doors={name: Door(colour=name, lock=Lock(codes=[1])) for name in ("red", "blue")},
        bells=[Bell(bell_id="b1", rings=0), Bell(bell_id="b2", rings=0)],
        lamp=Lamp(hours={"mon": [8]}),
    )


def database(contents: House) -> CopyingDatabase:
    def toolkit(fork: CopyingDatabase) -> Any:
        return SimpleNamespace(**fork.state)

    return CopyingDatabase(layout_of(House), contents, {"counted": {"calls": [0]}}, toolkit)


steps = st.lists(
    st.tuples(st.sampled_from(["paint", "code", "build", "break"]), st.sampled_from(["red", "blue", "new"]))
    | st.tuples(st.sampled_from(["ring", "hang", "shine", "swap", "count"]), st.sampled_from(["b1", "b2", "b3"])),
    max_size=8,
)


def act(holder: Any, made: list[tuple[str, str]]) -> None:  # noqa: C901  # a case a verb
    """What tau2's tools do, on anything with a database and a counter: change in place, add, delete, replace."""
    for verb, name in made:
        db = holder.db
        match verb:
            case "paint" if name in db.doors:
                db.doors[name].colour += "!"
            case "code" if name in db.doors:
                db.doors[name].lock.codes.append(len(db.doors))
            case "build":
                db.doors[name] = Door(colour="new", lock=Lock())
            case "break" if name in db.doors:
                del db.doors[name]
            case "ring":
                for bell in db.bells:
                    bell.rings += bell.bell_id == name
            case "hang":
                db.bells.append(Bell(bell_id=name, rings=len(db.bells)))
            case "shine":
                db.lamp.on = not db.lamp.on
                db.lamp.hours.setdefault(name, []).append(1)
            case "swap":
                db.lamp = Lamp(hours={name: [2]})
            case "count":
                holder.counted["calls"].append(len(db.bells))


def change(db: CopyingDatabase, made: list[tuple[str, str]]) -> CopyingDatabase:
    """The same, each step by a call of its own, with a look at everything between."""
    for step in made:
        act(db.toolkit(writes=True), [step])
        seen(db)
    return db


def seen(db: CopyingDatabase) -> list[Any]:
    """All that a tool which reads can see, and what the toolkit holds."""
    live = db.toolkit(writes=False)
    return [
        {name: door.model_dump() for name, door in live.db.doors.items()},
        [bell.model_dump() for bell in live.db.bells],
        live.db.lamp.model_dump(),
        copy.deepcopy(live.counted),
    ]


def plainly(*parts: list[tuple[str, str]]) -> list[Any]:
    """The same on tau2's own object: what a fork must amount to."""
    plain = SimpleNamespace(db=house(), counted={"calls": [0]})
    for made in parts:
        act(plain, made)
    return [*plain.db.model_dump().values(), plain.counted]


@given(steps, steps, steps)
def test_a_fork_amounts_to_a_copy_and_changes_nobody_else(first: Any, second: Any, third: Any) -> None:
    contents = house()
    root = database(contents)
    parent = change(root.fork(), first)
    child, sibling = change(parent.fork(), second), change(parent.fork(), third)
    assert seen(child) == plainly(first, second)
    assert seen(sibling) == plainly(first, third)
    assert seen(parent) == plainly(first)
    change(parent, third)  # and a parent that lives on changes no fork of its
    assert seen(child) == plainly(first, second)
    assert seen(parent) == plainly(first, third)
    assert seen(root) == plainly()
    assert contents == house()


@given(steps, steps)
def test_a_copy_shares_nothing(first: Any, second: Any) -> None:
    root = change(database(house()).fork(), first)
    twin = root.copy()
    assert seen(twin) == seen(root)
    change(twin, second)
    assert seen(root) == plainly(first)
    assert seen(twin) == plainly(first, second)


@given(steps, steps)
def test_diffs_equality_and_digests_tell_the_truth(first: Any, second: Any) -> None:
    root = database(house())
    left, right = change(root.fork(), first), change(root.fork(), second)
    same = as_records(left) == as_records(right)
    assert left.same_as(right) == right.same_as(left) == (left.digest() == right.digest()) == same
    assert bool(left.diff()) == (as_records(left) != as_records(root))
    again = root.fork()
    again.apply([Change.model_validate_json(change.model_dump_json()) for change in left.diff()])
    assert as_records(again) == as_records(left)


def as_records(db: Database) -> dict[str, Any]:
    return {name: dict(table) for name, table in db.items()}


def test_only_what_is_reached_for_is_copied() -> None:
    root = database(house())
    fork = root.fork()
    change(fork, [("paint", "red")])
    assert fork["doors"].touched == {"red"}
    assert fork["doors"]["blue"] is root["doors"]["blue"]
    assert fork["lamp"]["lamp"] is root["lamp"]["lamp"]


def test_two_records_of_one_name_stay_two() -> None:
    made = [("hang", "b1"), ("hang", "b1"), ("ring", "b1")]
    assert seen(change(database(house()).fork(), made)) == plainly(made)
    twice = house()
    twice.bells.append(Bell(bell_id="b1", rings=5))
    assert len(database(twice)["bells"]) == 3


def test_a_field_that_is_no_table_is_named() -> None:
    class Shed(BaseModel):
        keys: list[str]

    with pytest.raises(EigenGraphError, match=r"Shed\.keys is list\[str\], which is no table of records"):
        layout_of(Shed)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_is_copied_is_equal_and_its_own(value: Any) -> None:
    twin = copied(value)
    assert twin == value
    if isinstance(value, list | dict):
        assert twin is not value
        before = copy.deepcopy(value)
        twin.clear()
        assert value == before


def test_a_copied_record_keeps_what_pydantic_knows_of_it() -> None:
    lamp = Lamp(on=True)
    twin = copied(lamp)
    assert twin == lamp
    assert twin.model_fields_set == {"on"}
    assert twin.model_dump(exclude_unset=True) == {"on": True}
    twin.hours["mon"] = [1]
    assert lamp.hours == {}


@cache
def domain_of(name: str) -> Domain:
    return load_domain(f"tau2:{name}")


def base_tasks(name: str) -> tuple[Task, ...]:
    tasks = domain_of(name).tasks
    assert tasks is not None
    return tuple(tasks.split("base"))


def everything(domain: Domain) -> str:
    """The domain's databases, to the last record: what every environment shares."""
    sides = [domain.agent, *([domain.user] if domain.user else [])]
    return json.dumps([side.database.to_json() for side in sides])


def reads(domain: Domain, task: Task) -> set[tuple[Actor, str, str]]:
    """Calls of tools that only read: the task's own, and all that take no argument or a common one."""
    sides: dict[Actor, Side | None] = {"assistant": domain.agent, "user": domain.user}
    common = {"app_name": "messaging", "customer_id": "C1001", "line_id": "L1002", "phone_number": "555-123-2002"}
    found = {(action.requestor, action.name, json.dumps(action.arguments)) for action in task.actions}
    for actor, side in sides.items():
        for name, bound in side.toolbox.items() if side else ():
            wanted = [field for field, info in bound.schema.model_fields.items() if info.is_required()]
            if all(field in common for field in wanted):
                found.add((actor, name, json.dumps({field: common[field] for field in wanted})))
    return {call for call in found if (side := sides[call[0]]) and not side.toolbox[call[1]].traits.writes}


@pytest.mark.parametrize("name", NAMES)
def test_reads_change_nothing_even_when_they_could(name: str) -> None:
    """They are handed the records that all share: so each is run here on records that it might change."""
    domain, called = domain_of(name), set()
    before = everything(domain)
    for task in base_tasks(name):
        end = environment_of(domain, task)
        for action in task.actions:
            end.run(action.name, action.arguments, action.requestor)
        for actor, tool, arguments in reads(domain, task):
            env = end.fork()
            db = env.agent_db if actor == "assistant" else env.user_db
            with contextlib.suppress(ValueError):  # a look-up in vain
                invoke(db, tool, json.loads(arguments), writes=True)
            assert env.same_as(end), (task.id, tool)
            called.add(tool)
    assert everything(domain) == before
    assert len(called) >= (20 if name == "telecom" else 5)


@pytest.mark.parametrize("name", NAMES)
def test_200_environments_leave_nothing_behind(name: str) -> None:
    """Each is lived in to the end of its task, errors included, and none is seen in another."""
    domain, tasks = domain_of(name), base_tasks(name)
    before, made = everything(domain), []
    ends: dict[str, Any] = {}
    for index in range(200):
        task = tasks[index % len(tasks)]
        env = environment_of(domain, task)
        start = env.fork()
        for action in task.actions:
            env.run(action.name, action.arguments, action.requestor)
        env.run("no_such_tool", {}, "assistant")
        made.append((task, start, env))
        ends.setdefault(task.id, env)
    assert everything(domain) == before
    for task, start, env in made:
        assert environment_of(domain, task).same_as(start)
        assert env.same_as(ends[task.id])


def test_a_broken_vpn_breaks_no_other() -> None:
    """In tau2 a phone's default VPN stands on a class, and one task spoils it for all that come later."""
    domain = domain_of("telecom")
    assert domain.tasks is not None
    broken = [
        task
        for task in domain.tasks.tasks.values()
        if task.initial_state
        and any(s.func_name == "break_vpn" for s in task.initial_state.initialization_actions or ())
    ]
    assert len(broken) == 128
    for task in broken[:16]:
        spoiled = environment_of(domain, task)
        assert spoiled.user_db is not None
        assert spoiled.user_db["device"]["device"].vpn_details.server_performance == "poor"
        # Within its own world tau2 has it stay broken: what reconnects is what was broken.
        for verb in ("disconnect_vpn", "connect_vpn"):
            spoiled.answer(ToolCall(id="1", name=verb), "user")
        assert "poor" in spoiled.answer(ToolCall(id="1", name="check_vpn_status"), "user").content.lower()
    fresh = environment_of(domain)
    fresh.answer(ToolCall(id="1", name="connect_vpn"), "user")
    assert fresh.user_db is not None
    assert fresh.user_db["device"]["device"].vpn_details.server_performance == "excellent"


def test_initial_data_that_do_not_fit_change_nothing() -> None:
    db = database(house()).fork()
    with pytest.raises(ValueError, match="the database has no 'ships'; it has doors, bells, lamp"):
        db.merge({"ships": {}})
    with pytest.raises(ValidationError):
        db.merge({"doors": {"green": {"colour": "green"}}})
    db.merge(
        {"doors": {"red": {"lock": {"codes": []}}}, "bells": [{"bell_id": "b9", "rings": 1}], "lamp": {"on": True}}
    )
    assert seen(db)[:3] == [
        {"red": {"colour": "red", "lock": {"codes": []}}, "blue": {"colour": "blue", "lock": {"codes": [1]}}},
        [{"bell_id": "b9", "rings": 1}],
        {"on": True, "hours": {"mon": [8]}},
    ]
