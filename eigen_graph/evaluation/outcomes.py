"""What is known of every trial of an evaluation, read from results that anybody may have written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from eigen_graph.checkers.verdict import Verdict
from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.results import SUCCESS, Episode, Results


class Outcome(NamedTuple):
    """An episode beside its verdict."""

    episode: Episode
    verdict: Verdict | None
    """None unless it was judged."""

    @property
    def solved(self) -> bool | None:
        """Whether it was solved; None when nothing is known."""
        return None if self.verdict is None else self.verdict.reward >= SUCCESS


def outcomes_of(results: Results) -> dict[str, list[Outcome]]:
    """The episodes of every task, by trial; a task that nobody tried has none.

    Raises:
        EigenGraphError: An episode is of no task of the results, of a trial that was not asked for or that is there
            twice, or it counts as judged and has no reward. Figures of such results would mean nothing.
    """
    found: dict[str, dict[int, Outcome]] = {}
    for place, task in enumerate(results.tasks):
        name = task.get("id")
        if not isinstance(name, str) or name in found:
            raise EigenGraphError(f"results, task {place}: " + ("has no id" if name is None else f"id {name!r} again"))
        found[name] = {}
    for episode in results.episodes:
        where = f"results, task {episode.task_id!r}, trial {episode.trial}"
        if episode.task_id not in found:
            raise EigenGraphError(f"{where}: there is no such task among the results' {len(found)} tasks")
        if episode.trial >= results.info.trials:
            raise EigenGraphError(f"{where}: trials are numbered from 0, and {results.info.trials} were asked for")
        if episode.trial in found[episode.task_id]:
            raise EigenGraphError(f"{where}: is there twice")
        found[episode.task_id][episode.trial] = Outcome(episode, _verdict(episode, where))
    return {task: [trials[number] for number in sorted(trials)] for task, trials in found.items()}


def solved_by_task(outcomes: Mapping[str, list[Outcome]]) -> dict[str, list[bool]]:
    """Whether the judged trials of every task were solved."""
    return {task: [o.solved for o in trials if o.solved is not None] for task, trials in outcomes.items()}


def _verdict(episode: Episode, where: str) -> Verdict | None:
    for name, number in (("cost_usd", episode.cost_usd), ("seconds", episode.seconds)):
        if number is not None and not 0 <= number < math.inf:
            raise EigenGraphError(f"{where}: {name} is {number}")
    if episode.status != "judged":
        return None
    try:
        verdict = Verdict.from_json(episode.verdict)
    except EigenGraphError as error:
        raise EigenGraphError(f"{where}: counts as judged, but: {error}") from error
    if not 0 <= verdict.reward <= 2 - SUCCESS:
        raise EigenGraphError(f"{where}: a reward is 0 to 1, not {verdict.reward}")
    return verdict
