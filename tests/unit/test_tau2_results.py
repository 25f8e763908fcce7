"""tau2's results files, read and written."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from errands import CREDIT, does, repair, shop, task
from hypothesis import given
from hypothesis import strategies as st
from stored import acted, episode, info, stored

from eigen_graph.core import EigenGraphError, Message, Task, ToolCall, Trajectory
from eigen_graph.evaluation import Episode, Results
from eigen_graph.evaluation.same_tasks import digest
from eigen_graph.evaluation.tau2_file import is_tau2, read_json
from eigen_graph.evaluation.tau2_results import from_tau2, to_tau2

SHOP = shop()
CREDITED = task(CREDIT)
STOPS = ("user_stop", "agent_stop")

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    """Words and calls of both sides, each call with its result; the last may lack it where nobody stopped."""
    ending = draw(st.sampled_from([*STOPS, "max_steps", "timeout", "unexpected_error", "context_window_exceeded"]))
    messages: list[Message] = []
    for turn in range(draw(st.integers(1, 4))):
        role = draw(st.sampled_from(["assistant", "user"]))
        calls = tuple(
            ToolCall(id=f"c{turn}.{n}", name=draw(words), arguments=draw(st.dictionaries(words, values) | words))
            for n in range(draw(st.integers(0, 2)))
        )
        messages.append(Message(role=role, content=draw(st.none() | words), tool_calls=calls))
        messages += [
            Message(role="tool", content=draw(words), tool_call_id=call.id, requestor=role, error=draw(st.booleans()))
            for call in calls
        ]
    if ending not in STOPS and messages[-1].role == "tool" and draw(st.booleans()):
        messages.pop()
    usage = draw(st.dictionaries(st.sampled_from(["agent_in", "agent_out", "user_in"]), st.integers(0, 10**6)))
    return Trajectory(messages=tuple(messages), termination=ending, usage=usage, seconds=draw(st.floats(0, 1e6)))


@st.composite
def many(draw: st.DrawFn) -> Results:
    episodes = []
    for trial in range(draw(st.integers(0, 3))):
        dialogue = draw(trajectories())
        reward = draw(st.sampled_from([0.0, 1.0]))
        status = draw(st.sampled_from(["judged", "unjudged"]))
        episodes.append(
            Episode(
                task_id="t",
                trial=trial,
                seed=draw(st.integers(0, 10**6)),
                status=status,
                trajectory=dialogue.to_json(),
                verdict={"reward": reward, "parts": [{"name": "DB", "passed": reward == 1}]},
                opinions=draw(st.just({}) | st.just({"It was kind.": {"met": False, "reason": "No."}})),
                cost_usd=draw(st.none() | st.floats(0, 10)),
                seconds=dialogue.seconds,
            )
        )
    trials = max(1, len(episodes))
    return Results(
        info=info(trials=trials, split="test", briefing="benchmark"), tasks=({"id": "t"},), episodes=tuple(episodes)
    )


def sent(results: Results, *, bare: bool = False) -> Results:
    """There and back as text, without our own blocks if `bare`: what a tau2 that saves the file anew leaves of it."""
    data = json.loads(json.dumps(to_tau2(results, SHOP)))
    if bare:
        for part in (data["info"], *data["simulations"]):
            del part["eigen"]
    return from_tau2(data).results


@given(many())
def test_there_and_back_nothing_is_lost(results: Results) -> None:
    back = sent(results)
    assert back.info.model_dump(exclude={"created"}) == results.info.model_dump(exclude={"created"})
    assert [digest(Task.from_json(one)) for one in back.tasks] == [digest(Task.from_json(one)) for one in results.tasks]
    for one, other in zip(results.episodes, back.episodes, strict=True):
        assert other.reward == one.reward
        told = {"verdict", "reason", *({"opinions"} if one.status == "unjudged" else ())}
        assert other.model_dump(exclude=told) == one.model_dump(exclude=told)
    for one, other in zip(results.episodes, sent(results, bare=True).episodes, strict=True):
        assert (other.reward, other.seed, other.seconds) == (one.reward, one.seed, one.seconds)
        assert (other.trajectory or {})["messages"] == (one.trajectory or {})["messages"]


@given(trajectories())
def test_times_keep_the_order(trajectory: Trajectory) -> None:
    run = to_tau2(stored(SHOP, [CREDITED], episode("t", trajectory)), SHOP)["simulations"][0]
    times = [message["timestamp"] for message in run["messages"]]
    assert times == sorted(set(times))


def test_the_package_reads_what_is_written_and_counts_the_same(tmp_path: Path) -> None:
    from tau2.data_model.simulation import Results as TheirResults  # noqa: PLC0415  # slow, and not always there
    from tau2.metrics.agent_metrics import compute_metrics  # noqa: PLC0415

    tasks = [task(CREDIT, facts=("1200",)), repair().model_copy(update={"id": "u", "initial_state": None})]
    tasks = [each.model_copy(update={"eigen": None}) for each in tasks]
    moves = (CREDIT, ("assistant", "You have $1,200 more."))
    wrong = does("add_credit", customer_id="C1", amount="all of it")
    results = stored(
        SHOP,
        tasks,
        *(acted(SHOP, tasks[0], *(moves if trial < 2 else (wrong,)), trial=trial) for trial in range(3)),
        *(acted(SHOP, tasks[1], trial=trial, stated=float(trial == 0)) for trial in range(3)),
        episode("t", None, trial=3, status="infrastructure", verdict=None),
        trials=3,
    )
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(to_tau2(results, SHOP)))
    loaded = TheirResults.load(path)
    metrics = compute_metrics(loaded)
    solved = Counter(one.task_id for one in results.episodes if one.solved)
    assert solved == {"t": 2, "u": 1}
    assert metrics.pass_hat_ks == {
        k: pytest.approx(sum(math.comb(solved[name], k) / math.comb(3, k) for name in "tu") / 2) for k in (1, 2, 3)
    }
    assert metrics.avg_reward == pytest.approx(0.5)
    loaded.save(path)
    assert from_tau2(read_json(path)).results.episodes == sent(results, bare=True).episodes


def file(**given: Any) -> dict[str, Any]:
    """A file with one simulation, some of which is otherwise."""
    about = Trajectory(messages=(Message(role="user", content="Hello. ###STOP###"),))
    data = to_tau2(stored(SHOP, [CREDITED], episode("t", about)), SHOP)
    data["simulations"][0] |= {**given}
    return data


@pytest.mark.parametrize(
    ("given", "status", "ending"),
    [
        ({"termination_reason": "judge_stop"}, "judged", "agent_error"),
        ({"termination_reason": "a new one"}, "judged", "unexpected_error"),
        ({"termination_reason": "infrastructure_error"}, "infrastructure", "infrastructure_error"),
        ({"termination_reason": "timeout"}, "judged", "timeout"),
        ({"skipped": True, "termination_reason": "agent_error"}, "infrastructure", "agent_error"),
        ({"reward_info": None}, "unjudged", "user_stop"),
        ({"trial": None, "seed": None, "hallucination_check": {}, "task_id": 7}, "judged", "user_stop"),
    ],
)
def test_how_it_ended(given: dict[str, Any], status: str, ending: str) -> None:
    found = from_tau2(file(**given))
    (one,) = found.results.episodes
    assert (one.status, (one.trajectory or {})["termination"]) == (status, ending)
    assert one.reward == (1.0 if status == "judged" else None)
    assert bool(found.notes) == (given.get("termination_reason") == "a new one")


def call(by: str = "assistant", result: str = "c1", **given: Any) -> list[dict[str, Any]]:
    made = {"id": "c1", "name": "get_order", "arguments": {}, "requestor": by, **given}
    return [
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "id": result, "content": "x", "requestor": by},
    ]


@pytest.mark.parametrize(
    ("messages", "saying"),
    [
        (call(by="user"), "in the other's name"),
        (call(result="c2"), "a result of a call that was not made"),
        (call()[:1], "has no result"),
        (call()[1:], "a result of a call that was not made"),
        (call(arguments=[1]), "message 0"),
        ([{"content": "who?"}], "there is no 'role'"),
        (["hello"], "message 0"),
        ({"0": "hello"}, "no list"),
    ],
)
def test_a_record_that_makes_no_sense_spoils_its_own_episode_only(messages: Any, saying: str) -> None:
    data = file()
    data["simulations"].append({**data["simulations"][0], "trial": 1, "messages": messages})
    sound, broken = from_tau2(data).results.episodes
    assert sound.trajectory
    assert broken.trajectory is None
    assert saying in broken.reason


def test_several_results_in_one_message_and_a_spoken_dialogue() -> None:
    made, result = call()
    (one,) = from_tau2(file(messages=[made, {"role": "tool", "tool_messages": [result]}])).results.episodes
    assert [m["role"] for m in (one.trajectory or {})["messages"]] == ["assistant", "tool"]
    (spoken,) = from_tau2(file(messages=None, ticks=[{}])).results.episodes
    assert "audio" in spoken.reason


def test_simulations_may_lie_beside_the_file(tmp_path: Path) -> None:
    data = file()
    (run,) = data.pop("simulations")
    (tmp_path / "results.json").write_text(json.dumps({**data, "simulation_index": [{"id": run["id"]}]}))
    (tmp_path / "simulations").mkdir()
    with pytest.raises(EigenGraphError, match=r"lists 1 simulations, but .* holds 0"):
        read_json(tmp_path)
    (tmp_path / "simulations" / f"{run['id']}.json").write_text(json.dumps(run))
    for path in (tmp_path, tmp_path / "results.json"):
        assert is_tau2(read_json(path))
        assert len(from_tau2(read_json(path)).results.episodes) == 1


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"reward_info": {"reward": math.nan}}, "reward_info.reward"),
        ({"reward_info": {"reward": 7}}, "reward_info.reward"),
        ({"reward_info": {"reward": "all"}}, "reward_info.reward"),
        ({"termination_reason": None}, "termination_reason"),
        ({"trial": -1}, "trial"),
        ({"duration": math.inf}, "duration"),
        ({"eigen": {"usage": [1]}}, "eigen.usage"),
    ],
)
def test_what_decides_must_be_right(given: dict[str, Any], where: str) -> None:
    with pytest.raises(EigenGraphError, match=rf"not a results file of tau2: simulations\.0\.{where}"):
        from_tau2(file(**given))


def test_half_a_character_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "half.json"
    path.write_text(r'{"whole": "\ud83d\ude00"}')
    assert read_json(path) == {"whole": "\U0001f600"}
    path.write_text(r'{"half": "\ud83d"}')
    with pytest.raises(EigenGraphError, match="surrogates not allowed"):
        read_json(path)


@pytest.mark.parametrize("data", [None, [], {}, {"simulations": 3}, {"info": {}, "tasks": [], "simulations": []}])
def test_no_results_file(data: Any) -> None:
    with pytest.raises(EigenGraphError, match="not a results file of tau2"):
        from_tau2(data)


def test_our_block_is_not_trusted_either() -> None:
    data = file()
    data["info"]["eigen"]["basis"] = "mine"
    with pytest.raises(EigenGraphError, match=r"info\.eigen\.basis"):
        from_tau2(data)
    data = file(eigen={"termination": "timeout"})  # the file says that the user stopped
    assert (from_tau2(data).results.episodes[0].trajectory or {})["termination"] == "user_stop"
