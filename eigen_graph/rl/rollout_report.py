"""What a rollout came to: a line of `rollouts.jsonl`, and the trainer's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eigen_graph.rl.episode import Episode
from eigen_graph.rl.filtering import Batch, Group


def describe(batch: Batch, spent: Mapping[str, float], *, step: int, process: int = 0) -> dict[str, Any]:
    """A rollout as a JSON object.

    Args:
        batch: What was played.
        spent: Seconds by what they were spent on: policy, user, environment (all the rest of the rollout), and
            update, which is what lay between the last rollout and this one.
        step: The first optimizer step that learns from it.
        process: Whose rollout.
    """
    final = [episode for group in batch.groups for episode in group.episodes]
    played = [*final, *(episode for group in batch.groups for episode in group.spoiled)]
    valid = [episode for episode in final if episode.valid]
    tokens = sum(sum(episode.mask) for episode in played)
    rollout = sum(seconds for name, seconds in spent.items() if name != "update")
    rolled = len(batch.groups)
    return {
        "step": step,
        "process": process,
        "reward": _mean([episode.reward or 0.0 for episode in valid]),
        "groups": {
            "rounds": batch.rounds,
            "rolled": rolled,
            "kept": len(batch.kept),
            "empty": batch.missing,
            "mixed_share": batch.count("mixed") / rolled if rolled else 0.0,
            "all_passed": batch.count("all passed"),
            "all_failed": batch.count("all failed"),
            "invalid": batch.count("invalid"),
            "tasks_ran_out": batch.ran_out,
        },
        "episodes": {
            "played": len(played),
            "invalid": sum(not episode.valid and not episode.overlong for episode in played),
            "overlong": sum(episode.overlong for episode in played),
            "user_fault_rate": _mean([float(episode.user_fault) for episode in valid]),
            "turns": _mean([float(episode.turns) for episode in valid]),
        },
        "tokens": tokens,
        "tokens_per_second": round(tokens / rollout, 1) if rollout else 0.0,
        "seconds": {name: round(seconds, 4) for name, seconds in spent.items()},
        "tasks": [_group(group) for group in batch.groups],
    }


def metrics(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a rollout under the names that they have among the trainer's metrics.

    `reward/raw` is over all that was played: in the batch itself, filtering has changed the reward.
    """
    groups, episodes, seconds = line["groups"], line["episodes"], line["seconds"]
    found = {f"groups/{name}": float(value) for name, value in groups.items()}
    found |= {f"episodes/{name}": value for name, value in episodes.items() if value is not None}
    if line["reward"] is not None:
        found["reward/raw"] = line["reward"]
    found["rollout/tokens"] = line["tokens"]
    found["rollout/tokens_per_second"] = line["tokens_per_second"]
    if policy := seconds.get("policy"):
        found["rollout/policy_tokens_per_second"] = line["tokens"] / policy
    whole = sum(seconds.values())
    found |= {f"time/{name}_share": value / whole if whole else 0.0 for name, value in seconds.items()}
    return {name: float(value) for name, value in found.items()}


def _group(group: Group) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": group.task.id,
        "round": group.round,
        "kept": group.kept,
        "why": group.outcome,
        "rewards": group.rewards,
        "tokens": [sum(episode.mask) for episode in group.episodes],
    }
    if faults := _places(group.episodes, "user_fault"):
        found["user_faults"] = faults
    if overlong := _places(group.episodes, "overlong"):
        found["overlong"] = overlong
    if group.spoiled:
        found["played_again"] = sorted({episode.reason[:200] for episode in group.spoiled})
    return found


def _places(episodes: Sequence[Episode], name: str) -> list[int]:
    return [place for place, episode in enumerate(episodes) if getattr(episode, name)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
