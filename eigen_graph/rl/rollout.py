"""Rollouts for the stock GRPOTrainer: it asks for a batch of completions, we play dialogues.

What the trainer calls prompts are slots without a meaning: which tasks fill them is decided here, by dynamic filtering.
It gets tokens, a mask of the agent's own among them, and as reward each episode's advantage; as advantages of a group
sum to zero, its own centring changes nothing. The checker's reward goes along for the record, with weight 0.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from transformers import set_seed

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.advantage import Totals
from eigen_graph.rl.columns import columns, loss_tokens
from eigen_graph.rl.difficulty import TaskMemory
from eigen_graph.rl.episode import Episode, RlTask
from eigen_graph.rl.filtering import Batch, Group, fill
from eigen_graph.rl.rollout_report import describe, metrics
from eigen_graph.rl.settings import GrpoSettings

STATE = "rollouts.json"
"""In a checkpoint: the state of every process's rollouts."""


class Runner(Protocol):
    """Plays episodes; see `rl.runner`."""

    def play(self, episodes: Sequence[Episode]) -> None:
        """Play them to their end and judge them."""


class Rollouts:
    """The trainer's `rollout_func`, the reward functions that go with it, and the state that a checkpoint needs.

    Args:
        tasks: To be drawn from, by this process.
        runner: Plays them.
        settings: Of the recipe.
        stop_id: Stands in places of a batch that nothing fills.
        seed: Of everything that is drawn here.
        log: Gets a line for each rollout; None: nowhere.
        process: This process's number.
        gather: Collects a list of one item from every process, in order; each process calls it once a rollout.
        clock: Seconds so far, by what they were spent on, e.g. policy and user.
    """

    def __init__(
        self,
        tasks: Sequence[RlTask],
        runner: Runner,
        settings: GrpoSettings,
        *,
        stop_id: int,
        seed: int,
        log: Path | None = None,
        process: int = 0,
        gather: Callable[[list[Any]], list[Any]] = list,
        clock: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self.memory = TaskMemory(
            [task.id for task in tasks], settings.draw, group_size=settings.group_size, seed=f"{seed}/{process}"
        )
        self.signal = False
        """Whether the last batch carries any weight, in any process."""
        self._tasks = {task.id: task for task in tasks}
        self._runner, self._settings = runner, settings
        self._stop_id, self._seed, self._log, self._process = stop_id, seed, log, process
        self._gather, self._clock = gather, clock
        self._number = self._barren = 0
        self._before: list[dict[str, Any]] | None = None
        self._states = [self._state()]
        self._metrics: dict[str, float] = {}
        self._ended: float | None = None

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """A batch of episodes, as the trainer wants it.

        Args:
            prompts: Slots, each as often as a group has episodes.
            trainer: The GRPOTrainer.

        Raises:
            OutageError: A server that it needs is gone. The state is then as before this rollout.
            EigenGraphError: There is nothing to learn from any more, or the trainer is set up in another way.
        """
        size = self._settings.group_size
        slots = list(prompts[::size])
        if trainer.num_generations != size or list(prompts) != [slot for slot in slots for _ in range(size)]:
            raise EigenGraphError(
                f"the trainer asks for {len(prompts)} episodes of {len(set(prompts))} slots: "
                f"not whole groups of {size} in every process"
            )
        began = time.perf_counter()
        update = began - self._ended if self._ended is not None else 0.0
        clock = self._clock()
        self._before = self._states
        batch, error = self._play(len(slots))
        tokens = [loss_tokens(group) for group in batch.kept] if batch else []
        shared = self._gather([{"tokens": tokens, "error": str(error or ""), "state": self._state()}])
        if error is not None:
            raise error
        if problem := next((part["error"] for part in shared if part["error"]), ""):
            raise EigenGraphError(f"another process: {problem}")
        assert batch is not None  # noqa: S101  # there is one where there is no error
        totals = Totals.of(count for part in shared for count in part["tokens"])
        found = columns(batch, self._settings, totals, stop_id=self._stop_id, logprobs=trainer.use_vllm)
        self._ended = time.perf_counter()
        spent = {name: seconds - clock.get(name, 0.0) for name, seconds in self._clock().items()}
        spent["environment"] = max(self._ended - began - sum(spent.values()), 0.0)
        self._finish(batch, totals, spent | {"update": update}, trainer.state.global_step + 1)
        self._states, self._before = [part["state"] for part in shared], None
        return found.as_dict()

    def advantage(
        self, completions: Sequence[Any], advantage: Sequence[float], log_metric: Any, **_: Any
    ) -> list[float]:
        """The reward function that trains: what our advantages are, for the trainer to leave as they are."""
        if len(advantage) != len(completions):
            raise EigenGraphError(f"the trainer has {len(completions)} episodes for {len(advantage)} advantages")
        for name, value in self._metrics.items():
            log_metric(name, value)
        return list(advantage)

    def checker(self, checker: Sequence[float | None], **_: Any) -> list[float | None]:
        """The reward function of weight 0: the checkers' rewards of what is in the batch, for the record."""
        return list(checker)

    def save(self, folder: Path) -> None:
        """Write the state of all processes into a checkpoint; amid a rollout, the state before it."""
        state = {"barren": self._barren, "processes": self._states if self._before is None else self._before}
        (folder / STATE).write_text(json.dumps(state), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Take the state up again.

        Raises:
            EigenGraphError: It is of another training, or of another number of processes.
        """
        path = folder / STATE
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            states, barren = state["processes"], int(state["barren"])
            number, memory = int(states[self._process]["number"]), states[self._process]["memory"]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise EigenGraphError(
                f"{path} has no state for process {self._process} ({error}): go on with as many processes as before"
            ) from error
        self.memory.restore(memory)
        self._number, self._barren, self._states = number, barren, states

    def _play(self, groups: int) -> tuple[Batch | None, EigenGraphError | None]:
        """Play a batch; an error is handed back, so that no process waits for this one for ever."""
        # Rollout N is drawn from a stream of its own, whatever was drawn before, so that a resumed training plays it
        # just as the one that was cut off.
        set_seed(seed_of(self._seed, self._process, self._number))
        try:
            batch = fill(
                groups,
                draw=self._draw,
                begin=self._begin,
                play=self._runner.play,
                group_size=self._settings.group_size,
                settings=self._settings.filter,
            )
        except EigenGraphError as error:
            return None, error
        for group in batch.groups:
            self._remember(group)
        self._number += 1
        return batch, None

    def _draw(self, count: int, without: Collection[str]) -> list[RlTask]:
        return [self._tasks[task_id] for task_id in self.memory.draw(count, without)]

    def _begin(self, task: RlTask) -> Episode:
        return Episode(task, attempt=self.memory.next_attempt(task.id))

    def _remember(self, group: Group) -> None:
        passes = sum(bool(episode.reward) for episode in group.valid)
        self.memory.record(group.task.id, passes=passes, fails=len(group.valid) - passes)

    def _finish(self, batch: Batch, totals: Totals, spent: Mapping[str, float], step: int) -> None:
        """Log what was played, and see whether there is anything left to learn from."""
        line = describe(batch, spent, step=step, process=self._process)
        self._metrics = metrics(line)
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.signal = totals.tokens > 0
        self._barren = 0 if self.signal else self._barren + 1
        patience = self._settings.filter.patience if self._settings.filter else None
        if patience is not None and self._barren >= patience:
            counts = line["groups"]
            raise EigenGraphError(
                f"{self._barren} steps in a row without a mixed group (in the last, {counts['all_passed']} of "
                f"{counts['rolled']} groups passed throughout, {counts['all_failed']} failed, {counts['invalid']} were "
                "invalid): there is nothing to learn from; take easier or harder tasks (data.select), a better start, "
                "or a larger grpo.group_size"
            )

    def _state(self) -> dict[str, Any]:
        return {"number": self._number, "memory": self.memory.state()}


def seed_of(*parts: object) -> int:
    """A seed that is another one wherever any part is."""
    return random.Random("/".join(map(str, parts))).getrandbits(32)
