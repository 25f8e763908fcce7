"""What the trainer gets from a rollout, over planted episodes: columns, advantages, logs, state."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from planted import PlantedRunner, outcomes, task

from eigen_graph.core import EigenGraphError
from eigen_graph.models import OutageError
from eigen_graph.rl.rollout import Rollouts
from eigen_graph.rl.settings import FilterSettings, GrpoSettings

STOP = 1
PLANT = outcomes(
    **{"pass": [1.0], "fail": [0.0], "mixed": [0.0, 1.0, 0.0], "gone": [None], "shaky": [None, 1.0, 0.0, None, None]}
)
SETTINGS = GrpoSettings(groups=2, group_size=3, filter=FilterSettings(max_rounds=2, patience=3))


def trainer(*, vllm: bool = False, step: int = 0) -> Any:
    return SimpleNamespace(num_generations=3, use_vllm=vllm, state=SimpleNamespace(global_step=step))


def slots(groups: int = 2, size: int = 3) -> list[str]:
    return [f"slot {number}" for number in range(groups) for _ in range(size)]


def rollouts(names: list[str], settings: GrpoSettings = SETTINGS, plant: Any = PLANT, **options: Any) -> Rollouts:
    runner = options.pop("runner", None) or PlantedRunner(plant)
    return Rollouts(
        [task(name) for name in names], runner, settings, stop_id=STOP, seed=options.pop("seed", 1), **options
    )


def reported(made: Rollouts, found: dict[str, Any]) -> dict[str, float]:
    """What reaches the trainer's metrics through the public reward function."""
    metrics: dict[str, float] = {}
    assert made.advantage(
        completions=found["completion_ids"], advantage=found["advantage"], log_metric=metrics.__setitem__
    )
    return metrics


def test_columns_are_aligned_and_groups_lie_together() -> None:
    made = rollouts(["mixed-1", "mixed-2"])
    found = made(slots(), trainer())
    assert set(found) == {"prompt_ids", "completion_ids", "env_mask", "logprobs", "advantage", "checker"}
    assert found["logprobs"] is None
    assert all(len(found[name]) == 6 for name in set(found) - {"logprobs"})
    assert all(len(ids) == len(mask) for ids, mask in zip(found["completion_ids"], found["env_mask"], strict=True))
    assert found["checker"] == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert made.checker(checker=found["checker"]) == found["checker"]
    for start in (0, 3):
        group = found["advantage"][start : start + 3]
        assert sum(group) == pytest.approx(0)
        assert group[1] == pytest.approx(-2 * group[0])


def test_advantages_weigh_groups_alike_whatever_their_length() -> None:
    made = rollouts(["mixed-1", "mixed-2"])
    found = made(slots(), trainer())
    tokens = [sum(sum(mask) for mask in found["env_mask"][start : start + 3]) for start in (0, 3)]
    # Mean over the batch's tokens of the advantages as given = mean over groups of the mean over a group's tokens.
    pass_worth = 2**0.5
    for start, own in zip((0, 3), tokens, strict=True):
        assert found["advantage"][start + 1] == pytest.approx(pass_worth * sum(tokens) / (2 * own))


@pytest.mark.parametrize(("scale", "worth"), [("group", 2**0.5), ("none", 2 / 3)])
def test_mean_over_the_batch_leaves_advantages_as_they_are(scale: str, worth: float) -> None:
    settings = SETTINGS.model_copy(update={"mean_over": "batch", "scale": scale})
    found = rollouts(["mixed-1", "mixed-2"], settings)(slots(), trainer())
    assert [found["advantage"][1], found["advantage"][4]] == pytest.approx([worth, worth])


def test_what_nothing_fills_carries_no_weight() -> None:
    made = rollouts(["pass-1", "fail-1", "mixed-1", "fail-2"])
    found = made(slots(), trainer())
    weights = [sum(mask) for mask in found["env_mask"]]
    assert [weight > 0 for weight in weights] == [True] * 3 + [False] * 3
    assert found["advantage"][3:] == [0.0] * 3
    assert found["completion_ids"][3:] == [[STOP]] * 3, "never empty, which the trainer cannot take"
    assert made.signal


def test_an_invalid_episode_leaves_its_place_without_weight() -> None:
    made = rollouts(["shaky-1", "mixed-1"])
    found = made(slots(), trainer())
    place = found["checker"].index(None)
    assert sum(found["env_mask"][place]) == 0
    assert found["advantage"][place] == 0.0
    start = place // 3 * 3
    assert sum(found["advantage"][start : start + 3]) == pytest.approx(0)


def test_logprobs_go_along_where_the_trainer_corrects_by_them() -> None:
    found = rollouts(["mixed-1", "fail-1"])(slots(), trainer(vllm=True))
    pairs = zip(found["logprobs"], found["completion_ids"], strict=True)
    assert all(len(logprobs) == len(ids) for logprobs, ids in pairs)


def test_no_batch_has_a_group_without_variance_until_tasks_run_out() -> None:
    kinds = ["pass", "fail", "mixed", "gone", "shaky"]
    names = [f"{kind}-{number}" for kind in kinds for number in range(4)]
    made = rollouts(names, SETTINGS.model_copy(update={"filter": FilterSettings(max_rounds=20)}))
    for step in range(15):
        found = made(slots(), trainer(step=step))
        for start in (0, 3):
            rewards = {reward for reward in found["checker"][start : start + 3] if reward is not None}
            assert rewards == {0.0, 1.0}


def test_without_filtering_equal_groups_stay_and_advantages_are_zero() -> None:
    settings = SETTINGS.model_copy(update={"filter": None, "mean_over": "batch"})
    found = rollouts(["pass-1", "fail-1"], settings)(slots(), trainer())
    assert found["advantage"] == [0.0] * 6
    assert all(sum(mask) for mask in found["env_mask"])


def test_the_log_says_what_was_rolled_kept_and_dropped_and_why(tmp_path: Path) -> None:
    log = tmp_path / "rollouts.jsonl"
    clock = iter([{"policy": 0.0, "user": 0.0}, {"policy": 1e-9, "user": 2e-9}])
    settings = SETTINGS.model_copy(update={"filter": FilterSettings(max_rounds=10)})
    made = rollouts(["pass-1", "mixed-1", "gone-1", "fail-1"], settings, log=log, clock=lambda: next(clock))
    found = made(slots(), trainer(step=4))
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["step"], line["process"]) == (5, 0)
    assert {group["task"]: (group["kept"], group["why"]) for group in line["tasks"]} == {
        "pass-1": (False, "all passed"),
        "mixed-1": (True, "mixed"),
        "gone-1": (False, "invalid"),
        "fail-1": (False, "all failed"),
    }
    assert line["reward"] == pytest.approx(4 / 9), "over all valid episodes, dropped groups included"
    groups = line["groups"]
    assert (groups["rolled"], groups["kept"], groups["empty"], groups["tasks_ran_out"]) == (4, 1, 1, True)
    assert groups["mixed_share"] == 0.25
    assert line["episodes"]["played"] == 12 + 6
    assert line["episodes"]["invalid"] == 9
    assert set(line["seconds"]) == {"policy", "user", "environment", "update"}
    metrics = reported(made, found)
    assert metrics["reward/raw"] == line["reward"]
    assert metrics["groups/all_passed"] == metrics["groups/all_failed"] == metrics["groups/invalid"] == 1
    assert sum(metrics[f"time/{part}_share"] for part in line["seconds"]) == pytest.approx(1)


def test_difficulty_decides_what_is_drawn_next() -> None:
    names = [f"{kind}-{number}" for kind in ("fail", "mixed") for number in range(10)]
    runner = PlantedRunner(PLANT)
    made = rollouts(names, SETTINGS.model_copy(update={"filter": None}), runner=runner)
    for step in range(60):
        made(slots(), trainer(step=step))
    kinds = Counter(episode.task.id.partition("-")[0] for episode in runner.played[len(runner.played) // 2 :])
    assert kinds["mixed"] > 1.5 * kinds["fail"] > 0
    attempts = Counter((episode.task.id, episode.attempt) for episode in runner.played)
    assert max(attempts.values()) == 1


def test_steps_without_any_mixed_group_end_the_training() -> None:
    made = rollouts([f"fail-{number}" for number in range(10)])
    assert made(slots(), trainer())["advantage"] == [0.0] * 6
    assert not made.signal
    made(slots(), trainer())
    with pytest.raises(EigenGraphError, match=r"3 steps in a row without a mixed group.*6 failed"):
        made(slots(), trainer())


@pytest.mark.parametrize(
    ("prompts", "size"),
    [(slots()[:-1], 3), (["a", "b", "a", "b", "a", "b"], 3), (slots(), 2)],
    ids=["short", "shuffled", "other size"],
)
def test_groups_that_straddle_processes_are_refused(prompts: list[str], size: int) -> None:
    stub = trainer()
    stub.num_generations = size
    with pytest.raises(EigenGraphError, match="whole groups"):
        rollouts(["mixed-1", "mixed-2"])(prompts, stub)


@pytest.mark.parametrize("damage", [{"mask": [1]}, {"ids": [], "mask": [], "logprobs": []}, {"prompt_ids": []}])
def test_an_episode_that_the_trainer_would_misread_is_refused(damage: dict[str, Any]) -> None:
    runner = PlantedRunner(PLANT)
    play = runner.play

    def broken(episodes: Any) -> None:
        play(episodes)
        vars(episodes[-1]).update(damage)

    runner.play = broken  # type: ignore[method-assign]
    with pytest.raises(EigenGraphError, match="log-probabilities"):
        rollouts(["mixed-1", "mixed-2"], runner=runner)(slots(), trainer())


NAMES = [f"{kind}-{number}" for kind in ("pass", "mixed", "fail") for number in range(6)]


def test_a_resumed_training_plays_the_same_next_batches(tmp_path: Path) -> None:
    whole = rollouts(NAMES)
    batches = [whole(slots(), trainer(step=step)) for step in range(8)]
    first = rollouts(NAMES)
    for step in range(4):
        first(slots(), trainer(step=step))
    first.save(tmp_path)
    second = rollouts(NAMES)
    second.load(tmp_path)
    assert [second(slots(), trainer(step=step)) for step in range(4, 8)] == batches[4:]


def test_a_rollout_that_an_outage_breaks_off_is_played_again_as_it_was(tmp_path: Path) -> None:
    whole = rollouts(NAMES)
    batches = [whole(slots(), trainer(step=step)) for step in range(2)]
    runner = PlantedRunner(PLANT)
    first = rollouts(NAMES, runner=runner)
    first(slots(), trainer())
    play = runner.play

    def gone(episodes: Any) -> None:
        play(episodes)
        raise OutageError("the server failed 20 times in a row")

    runner.play = gone  # type: ignore[method-assign]
    with pytest.raises(OutageError):
        first(slots(), trainer(step=1))
    first.save(tmp_path)
    second = rollouts(NAMES)
    second.load(tmp_path)
    assert second(slots(), trainer(step=1)) == batches[1]


def test_processes_draw_from_streams_of_their_own_and_share_the_totals() -> None:
    def both(mine: list[Any]) -> list[Any]:
        return [*mine, {"tokens": [100], "error": "", "state": {}}]

    alone, together = rollouts(NAMES, seed=3), rollouts(NAMES, seed=3, gather=both)
    one, other = alone(slots(), trainer()), together(slots(), trainer())
    assert one["completion_ids"] == other["completion_ids"]
    own = sum(map(sum, one["env_mask"]))
    # Three groups instead of two share 100 tokens more.
    assert other["advantage"][1] / one["advantage"][1] == pytest.approx(((own + 100) / 3) / (own / 2))
    assert rollouts(NAMES, process=1).memory.draw(18) != rollouts(NAMES).memory.draw(18)


def test_an_error_of_another_process_ends_this_one_too() -> None:
    made = rollouts(NAMES, gather=lambda mine: [*mine, {"tokens": [], "error": "no server", "state": {}}])
    with pytest.raises(EigenGraphError, match="another process: no server"):
        made(slots(), trainer())


def test_a_state_of_other_tasks_or_processes_is_refused(tmp_path: Path) -> None:
    made = rollouts(NAMES)
    made(slots(), trainer())
    made.save(tmp_path)
    with pytest.raises(EigenGraphError, match="other tasks"):
        rollouts(NAMES[1:]).load(tmp_path)
    with pytest.raises(EigenGraphError, match="as many processes"):
        rollouts(NAMES, process=1).load(tmp_path)
    (tmp_path / "rollouts.json").write_text("{")
    with pytest.raises(EigenGraphError, match="no state"):
        rollouts(NAMES).load(tmp_path)
