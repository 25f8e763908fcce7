"""A checker as data: it judges alone, the same every time, and says when it can't."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from errands import (
    CANCEL,
    CREDIT,
    FIND,
    OPEN,
    PROPOSE,
    YES,
    checker_of,
    dialogue,
    does,
    home,
    repair,
    shop,
    task,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from eigen_graph.checkers import CRITERIA, Checker, Verdict, build_checker, database_digest, gold_trajectory, prove
from eigen_graph.checkers.__main__ import main
from eigen_graph.core import (
    EigenGraphError,
    EvaluationCriteria,
    InitialState,
    Message,
    Setup,
    Tags,
    Task,
    ToolCall,
    Trajectory,
    UnknownNameError,
)

SHOP, HOME = shop(), home()

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_actions = st.builds(
    does,
    st.sampled_from([*SHOP.agent.toolbox, "no_such_tool"]),
    by=st.sampled_from(["assistant", "user"]),
    order_id=st.sampled_from(["O1", "O2", "O8", "?"]),
    amount=_values,
)
_tasks = st.builds(
    lambda actions, facts, code, basis: Task(
        id="t",
        evaluation_criteria=EvaluationCriteria(actions=tuple(actions), communicate_info=tuple(facts)),
        eigen=Tags(domain="shop", checker_code=code, basis=basis),
    ),
    st.lists(_actions, max_size=4),
    st.lists(st.text(max_size=8), max_size=2),
    st.none() | st.just("def check(changes, calls, said): return not changes"),
    st.none() | st.lists(st.sampled_from(sorted(CRITERIA)), max_size=4).map(tuple),
)
_calls = st.builds(
    ToolCall,
    id=st.text(max_size=3),
    name=st.sampled_from([*SHOP.agent.toolbox, "", "x" * 200]),
    arguments=st.text(max_size=9) | st.dictionaries(st.sampled_from(["order_id", "amount", "email"]), _values),
)
_messages = st.builds(
    Message,
    role=st.sampled_from(["assistant", "user", "tool"]),
    content=st.none() | st.text(max_size=30),
    tool_calls=st.lists(_calls, max_size=2).map(tuple),
    requestor=st.sampled_from(["assistant", "user"]),
    error=st.booleans(),
)
_trajectories = st.builds(
    Trajectory,
    messages=st.lists(_messages, max_size=8).map(tuple),
    termination=st.sampled_from(["user_stop", "agent_stop", "max_steps", "too_many_errors", "timeout"]),
)


@given(_tasks)
def test_json_round_trip_is_the_identity(about: Task) -> None:
    checker = build_checker(about, SHOP)
    again = Checker.from_json(json.loads(json.dumps(checker.to_json())))
    assert again == checker
    assert again.to_json() == checker.to_json()


@settings(deadline=None)
@given(_tasks, _trajectories)
def test_judging_is_deterministic_and_never_breaks(about: Task, trajectory: Trajectory) -> None:
    checker = build_checker(about, SHOP)
    before = SHOP.agent.database.digest()
    verdict = checker.judge(trajectory, SHOP)
    fresh = Checker.from_json(checker.to_json())
    assert checker.judge(trajectory, SHOP) == verdict == fresh.judge(trajectory, SHOP)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert (verdict.reward == 1) == (verdict.blame is None)
    assert verdict.reward == 1 or verdict.reason
    assert SHOP.agent.database.digest() == before


_READS = [FIND, does("get_order", order_id="O1"), does("get_order", order_id="O2"), does("get_order", order_id="?")]


@settings(deadline=None)
@given(st.permutations(_READS), st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_reads_in_any_order_and_place_change_nothing(reads: list, places: list[int]) -> None:
    writes = [CREDIT, does("tag_order", order_id="O1", tag="a"), does("tag_order", order_id="O1", tag="b")]
    checker = build_checker(task(*writes), SHOP, basis=("state", "said"))
    moves = list(writes)
    for read, place in zip(reads, places, strict=True):
        moves.insert(min(place, len(moves)), read)
    assert checker.judge(dialogue(SHOP, checker.task, OPEN, *moves), SHOP).reward == 1


def test_the_basis_follows_the_task() -> None:
    assert build_checker(task(), SHOP).basis == ("state", "procedure")
    assert build_checker(task(facts=("4",)), SHOP).basis == ("state", "said", "procedure")
    assert build_checker(task(checker_code="x"), SHOP).basis == ("code", "procedure")
    assert build_checker(repair(), HOME).basis == ("agent_state", "assertions")
    assert build_checker(task(basis=("DB",)).model_copy(), SHOP, basis=("DB", "DB")).basis == ("DB",)
    tagged = task().model_copy(update={"eigen": Tags(basis=("ACTION",))})
    assert build_checker(tagged, SHOP).basis == ("ACTION",)


def test_an_unknown_basis_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no criterion 'TRUST'; there are state, agent_state, said"):
        build_checker(task(), SHOP, basis=("state", "TRUST"))
    with pytest.raises(UnknownNameError):
        Checker.from_json({**checker_of(SHOP, task()).to_json(), "basis": ["TRUST"]})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "a checker is a JSON object"),
        ({"format": 1}, "a checker is a JSON object"),
        ({"format": 2, "task": {}}, "format 2; this version reads 1"),
        ({"format": 1, "task": {"id": []}}, "id"),
        ({"format": 1, "task": {"id": "t"}}, "not a checker: domain"),
    ],
)
def test_what_is_no_checker_is_told_in_a_line(data: object, words: str) -> None:
    with pytest.raises(EigenGraphError, match=words) as caught:
        Checker.from_json(data)
    assert "\n" not in str(caught.value)


def test_another_database_is_noticed() -> None:
    checker = checker_of(SHOP, task(CREDIT))
    other = shop()
    database = other.agent.database.fork()
    database["orders"].update("O5", status="lost")
    changed = replace(other, agent=replace(other.agent, database=database))
    assert database_digest(changed) != database_digest(SHOP) == database_digest(other)
    with pytest.raises(EigenGraphError, match="judge with the version that made the task"):
        checker.judge(Trajectory(), changed)
    with pytest.raises(UnknownNameError, match="shop"):
        checker.judge(Trajectory())


def test_both_sides_count_in_the_digest() -> None:
    assert database_digest(HOME).count("-") == 1
    assert database_digest(SHOP).count("-") == 0


def test_what_was_worked_out_is_no_part_of_the_value() -> None:
    checker, twin = checker_of(SHOP, task(CREDIT)), checker_of(SHOP, task(CREDIT))
    checker.judge(Trajectory(), SHOP)
    assert checker == twin
    assert pickle.loads(pickle.dumps(checker)) == twin  # noqa: S301  # pickled right here
    assert copy.deepcopy(checker) == twin
    changed = checker.model_copy(update={"task": task(CANCEL)})
    assert "orders/O1" in changed.judge(Trajectory(), SHOP).reason


def test_an_initial_state_that_does_not_fit_blames_the_task() -> None:
    broken = task(CREDIT).model_copy(
        update={
            "initial_state": InitialState(initialization_actions=(Setup(env_type="assistant", func_name="explode"),))
        }
    )
    verdict = build_checker(broken, SHOP).judge(Trajectory(), SHOP)
    assert (verdict.reward, verdict.blame) == (0, "task")
    assert "explode" in verdict.reason


def test_a_proven_checker_judges_as_before() -> None:
    checker = build_checker(task(FIND, CANCEL), SHOP)
    proven = checker.model_copy(update={"proof": prove(checker, SHOP)})
    again = Checker.from_json(json.loads(json.dumps(proven.to_json())))
    assert again == proven
    assert again.judge(gold_trajectory(again.bench(SHOP)), SHOP).reward == 1


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A checker, its task, a right dialogue and a wrong one, for a domain in a file."""
    here = Path(__file__).parent
    (tmp_path / "mine.py").write_text(
        f"import sys\nsys.path.insert(0, {str(here)!r})\nfrom errands import shop as domain\n", encoding="utf-8"
    )
    about = task(FIND, CANCEL)
    right = dialogue(SHOP, about, OPEN, FIND, PROPOSE, YES, CANCEL)
    data = {
        "checker": build_checker(about, SHOP).to_json(),
        "task": about.to_json(),
        "right": right.to_json(),
        "wrong": right.to_json()["messages"][:2],
        "nonsense": {"messages": [{"role": "ghost"}]},
    }
    for name, value in data.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "half.json").write_text('{"task": ', encoding="utf-8")
    return {path.stem: str(path) for path in tmp_path.iterdir()}


def test_the_command_judges(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    domain = ["--domain", files["mine"] + ":domain"]
    assert main([files["checker"], files["right"], *domain]) == 0
    assert Verdict.from_json(json.loads(capsys.readouterr().out)).reward == 1
    assert main([files["task"], files["wrong"], *domain]) == 1
    assert "should be 'cancelled'" in capsys.readouterr().out
    assert main([files["checker"], files["right"], "--tau2", *domain]) == 0
    assert [part["name"] for part in json.loads(capsys.readouterr().out)["parts"]] == ["DB"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["checker", "right"], "no domain is called 'shop'"),
        (["task", "right"], "name its domain by --domain"),
        (["checker", "nonsense", "--domain"], "message 0"),
        (["half", "right", "--domain"], "is not JSON"),
        (["checker", "absent", "--domain"], "cannot be read"),
    ],
)
def test_the_command_tells_unusable_input_in_a_line(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    named = [files.get(name, name) for name in arguments]
    assert main([*named, files["mine"]] if arguments[-1] == "--domain" else named) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out
