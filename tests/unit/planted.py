"""Tasks and episodes whose outcome a test plants, for training without dialogues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from eigen_graph.rl.episode import Episode, RlTask

Plant = Callable[[str, int], float | None]
"""(task id, attempt) -> the reward of that episode; None: infrastructure spoils it."""


def task(name: str) -> RlTask:
    """A task of which only the id is ever looked at."""
    return RlTask(SimpleNamespace(id=name), None, "", "")  # type: ignore[arg-type]


class PlantedRunner:
    """Plays episodes as planted: two agent turns, with a user turn or tool result of another length in between."""

    def __init__(self, plant: Plant, *, prompt: int = 3, vocab: int = 50) -> None:
        self.plant, self.prompt, self.vocab = plant, prompt, vocab
        self.played: list[Episode] = []
        self.batches: list[int] = []

    def play(self, episodes: Sequence[Episode]) -> None:
        self.batches.append(len(episodes))
        for episode in episodes:
            episode.reward = self.plant(episode.task.id, episode.attempt)
            number = sum(map(ord, episode.task.id)) + 7 * episode.attempt
            first, given, second = 2 + number % 3, 1 + number % 4, 1 + number % 5
            length = first + given + second
            episode.prompt_ids = [(number + at) % self.vocab for at in range(self.prompt + number % 2)]
            episode.ids = [(3 * number + 5 * at) % self.vocab for at in range(length)]
            episode.mask = [1] * first + [0] * given + [1] * second
            episode.logprobs = [-0.5 if own else 0.0 for own in episode.mask]
            episode.turns = 2
            if episode.reward is None:
                episode.reason = "the server is gone"
            self.played.append(episode)


def outcomes(**by_kind: list[float | None]) -> Plant:
    """Rewards by the task's kind, the part of its id before a hyphen; attempts beyond the list begin it again."""
    return lambda name, attempt: (rewards := by_kind[name.partition("-")[0]])[attempt % len(rewards)]
