"""The figures of an evaluation: pass^k with intervals, the floors on the same tasks, what failed, what it cost.

Nothing that is not known counts as failed: an episode without a verdict is in no mean, and how many there are stands
beside the means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import fsum
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from eigen_graph.core import EigenGraphError
from eigen_graph.core.trajectory import Termination
from eigen_graph.evaluation.comparison import Difference, paired_difference
from eigen_graph.evaluation.intervals import mean_interval
from eigen_graph.evaluation.outcomes import Outcome, outcomes_of, solved_by_task
from eigen_graph.evaluation.passk import PassHats, mean, pass_hats
from eigen_graph.evaluation.results import Results, Status

Floors: TypeAlias = Mapping[str, Mapping[str, bool | None] | AbstractSet[str]]
"""What inert agents solve. Name ("no-op", "transfer") -> whether it solves each task, by id (None: only a judge model
could tell), or the ids of the tasks that it solves."""

UNKNOWN = "unknown"
"""Blame or termination of a failure that does not say."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PassHat(_Value):
    """pass^k over tasks."""

    k: int
    value: float
    low: float
    """Lower end of the 95 % interval, clustered by task (`intervals.mean_interval`)."""
    high: float
    tasks: int
    """Tasks in the mean: those with a judged trial."""


class Bounds(_Value):
    """What pass^1 could be, had every episode been judged."""

    worst: float
    """pass^1 if all unjudged episodes failed."""
    best: float
    """pass^1 if all of them were solved."""
    low: float
    """Lower end of the 95 % interval of `worst`."""
    high: float
    """Upper end of the 95 % interval of `best`."""
    tasks: int
    """Tasks with a judged or an unjudged trial."""


class Floor(_Value):
    """What an inert agent gets on the tasks that `pass_hat` is over."""

    name: str
    value: float
    """Its pass^1. Tasks that it is not known to solve count as not solved."""
    undecided: int
    """Of those, the tasks that only a judge model could decide."""
    difference: Difference
    """The agent's pass^1 minus the floor's, task by task. Here the undecided tasks count as solved by the floor."""

    @property
    def above(self) -> bool:
        """Whether the agent is above this floor: the whole interval of the difference is above 0."""
        return self.difference.above


class Summary(_Value):
    """An evaluation in figures."""

    tasks: int
    """Tasks of the evaluation."""
    trials: int
    """Trials of each that were asked for."""
    judged: int
    """Episodes with a verdict: what all means are over."""
    unjudged: int
    """Episodes that wait for a judge model. As only those wait in which nothing else failed, pass^k without them is too
    low rather than too high: see `bounds`."""
    infrastructure: int
    """Episodes that a failing server ended; dropped, as tau2 does."""
    missing: int
    """Episodes that were never played: tasks x trials less all the above."""
    tasks_unknown: tuple[str, ...]
    """Tasks without a judged trial: in no mean."""
    tasks_fewer: dict[str, int]
    """Tasks with some judged trials but fewer than asked for, and how many. The fewest is the highest k."""
    pass_hat: tuple[PassHat, ...]
    """pass^1, pass^2, ...; empty when nothing was judged."""
    bounds: Bounds | None
    """None when no episode is unjudged."""
    mean_reward: float | None
    """Over judged episodes; None when there are none."""
    always_solved: tuple[str, ...]
    """Tasks solved in every judged trial."""
    never_solved: tuple[str, ...]
    """Tasks solved in no judged trial, though they have some."""
    floors: tuple[Floor, ...]
    """Highest first; empty when none are known or nothing was judged."""
    above_floors: bool | None
    """Whether the agent is above every floor; None without floors."""
    failed: int
    """Judged episodes that were not solved."""
    failures_by_blame: dict[str, int]
    """Most frequent first."""
    failures_by_termination: dict[str, int]
    """Most frequent first."""
    cost_usd: float | None
    """Of all episodes whose cost is known, dropped ones included; None when no cost is known."""
    unpriced: int
    """Episodes whose cost is not known."""
    tokens: dict[str, int]
    """By side and way, over all episodes: `agent_in`, `agent_out`, `user_in`, `user_out`."""
    seconds: float
    """Of all episodes, added up: what they would take one after another."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")


def summarize(results: Results, floors: Floors | None = None) -> Summary:
    """Work out the figures of an evaluation. The order of its tasks and episodes changes none of them.

    Args:
        results: Any results, unfinished ones too.
        floors: What inert agents solve of the same tasks.

    Raises:
        EigenGraphError: The results contradict themselves (`outcomes.outcomes_of`), a usage is no count of tokens, or
            a floor says nothing of a task.
    """
    outcomes = outcomes_of(results)
    every = [outcome for trials in outcomes.values() for outcome in trials]
    hats = pass_hats(solved_by_task(outcomes), expected=results.info.trials)
    rewards = [outcome.verdict.reward for outcome in every if outcome.verdict]
    failed = [outcome for outcome in every if outcome.solved is False]
    prices = [outcome.episode.cost_usd for outcome in every if outcome.episode.cost_usd is not None]
    beside = _floors(hats, floors or {})
    status = Counter[Status](outcome.episode.status for outcome in every)
    return Summary(
        tasks=len(outcomes),
        trials=results.info.trials,
        judged=status["judged"],
        unjudged=status["unjudged"],
        infrastructure=status["infrastructure"],
        missing=len(outcomes) * results.info.trials - len(every),
        tasks_unknown=hats.unknown,
        tasks_fewer=hats.fewer,
        pass_hat=tuple(_pass_hat(k, values) for k, values in enumerate(hats.values, start=1)),
        bounds=_bounds(outcomes) if status["unjudged"] else None,
        mean_reward=mean(rewards) if rewards else None,
        always_solved=_tasks_at(hats, 1.0),
        never_solved=_tasks_at(hats, 0.0),
        floors=beside,
        above_floors=all(floor.above for floor in beside) if beside else None,
        failed=len(failed),
        failures_by_blame=_counted((o.verdict and o.verdict.blame) or UNKNOWN for o in failed),
        failures_by_termination=_counted(map(_termination, failed)),
        cost_usd=fsum(prices) if prices else None,
        unpriced=len(every) - len(prices),
        tokens=_tokens(every),
        seconds=fsum(outcome.episode.seconds for outcome in every),
    )


def _pass_hat(k: int, values: Sequence[float]) -> PassHat:
    low, high = mean_interval(values)
    return PassHat(k=k, value=mean(values), low=low, high=high, tasks=len(values))


def _bounds(outcomes: Mapping[str, list[Outcome]]) -> Bounds:
    def rates(unjudged: bool) -> tuple[float, ...]:  # noqa: FBT001  # what an unjudged episode counts as
        known = {
            task: [unjudged if o.solved is None else o.solved for o in trials if o.episode.status != "infrastructure"]
            for task, trials in outcomes.items()
        }
        return pass_hats(known).values[0]

    worst, best = _pass_hat(1, rates(False)), _pass_hat(1, rates(True))
    return Bounds(worst=worst.value, best=best.value, low=worst.low, high=best.high, tasks=worst.tasks)


def _floors(hats: PassHats, floors: Floors) -> tuple[Floor, ...]:
    if not hats.tasks:
        return ()
    found = []
    for name, solved in floors.items():
        if isinstance(solved, Mapping):
            if missing := [task for task in hats.tasks if task not in solved]:
                raise EigenGraphError(f"floor {name!r} says nothing of task {missing[0]!r}: it is of other tasks")
            states = [solved[task] for task in hats.tasks]
        else:
            states = [task in solved for task in hats.tasks]
        highest = [float(state is not False) for state in states]
        found.append(
            Floor(
                name=name,
                value=mean([float(state is True) for state in states]),
                undecided=states.count(None),
                difference=paired_difference(highest, hats.values[0]),
            )
        )
    return tuple(sorted(found, key=lambda floor: (-floor.value, floor.name)))


def _tasks_at(hats: PassHats, rate: float) -> tuple[str, ...]:
    if not hats.tasks:
        return ()
    return tuple(task for task, value in zip(hats.tasks, hats.values[0], strict=True) if value == rate)


def _termination(outcome: Outcome) -> str:
    told = (outcome.episode.trajectory or {}).get("termination")
    return told if isinstance(told, str) and told in get_args(Termination) else UNKNOWN


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _tokens(outcomes: Iterable[Outcome]) -> dict[str, int]:
    total = Counter[str]()
    for outcome in outcomes:
        usage = (outcome.episode.trajectory or {}).get("usage") or {}
        if not isinstance(usage, dict) or not all(type(number) is int and number >= 0 for number in usage.values()):
            where = f"results, task {outcome.episode.task_id!r}, trial {outcome.episode.trial}"
            raise EigenGraphError(f"{where}: the trajectory's usage is no counts of tokens")
        total.update(usage)
    return dict(sorted(total.items()))
