"""Judge every episode of a results file anew, trusting nothing in it, and compare with the reward that it states.

What cannot be judged is told apart and counted: it is neither agreed with nor a 0.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ValidationError

from eigen_graph.checkers import Checker, Opinion, Rules, Verdict, build_checker, database_digest, replayed
from eigen_graph.core import (
    Domain,
    EigenGraphError,
    InfrastructureError,
    Message,
    OutageError,
    Task,
    ToolError,
    Trajectory,
)
from eigen_graph.evaluation.differences import explained
from eigen_graph.evaluation.results import SUCCESS, Episode, Results
from eigen_graph.evaluation.same_tasks import tasks_of

Basis = Rules | Literal["own"]
"""By what is judged: tau2's rules, ours for the same criteria, or each task's own checker."""
Outcome = Literal[
    "equal", "different", "new", "unheard", "infrastructure", "empty", "unknown_task", "unknown_tool", "untrue", "unfit"
]
"""What became of an episode."""

OUTCOMES: dict[Outcome, str] = {
    "equal": "judged as stated",
    "different": "judged otherwise than stated",
    "new": "judged; no reward was stated",
    "unheard": "not judged: statements that need a judge model",
    "infrastructure": "not judged: broken off by the infrastructure, which is no 0",
    "empty": "not judged: no messages, or none that can be read",
    "unknown_task": "not judged: its task is unknown",
    "unknown_tool": "not judged: a result of a tool that does not exist",
    "untrue": "not judged: a recorded result is not what the call gives",
    "unfit": "not judged: the task does not fit the domain",
}
"""Each outcome in words."""
SUSPECT: tuple[Outcome, ...] = ("different", "empty", "unknown_task", "unknown_tool", "untrue", "unfit")
"""Outcomes that say that something is wrong with the file, or with us."""
_STOPPED = ("user_stop", "agent_stop")
_MAX_SHOWN = 80


@dataclass(frozen=True)
class Ruling:
    """What became of one episode."""

    task_id: str
    trial: int
    outcome: Outcome
    stated: float | None
    """The reward in the file."""
    reward: float | None
    """Ours; None when it was not judged."""
    reason: str
    """Why the two differ, or why it was not judged."""


@dataclass(frozen=True)
class Rejudged:
    """A results file judged anew."""

    results: Results
    """With our verdicts; what could not be judged has none, and says why."""
    rulings: tuple[Ruling, ...]
    missing: int
    """Trials of its tasks that the file does not hold: the run was not finished."""

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many episodes came to each outcome, those that came up."""
        found = Counter(ruling.outcome for ruling in self.rulings)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}

    @property
    def agrees(self) -> bool:
        """Something was judged, and nothing is suspect."""
        counts = self.counts
        return not any(outcome in counts for outcome in SUSPECT) and ("equal" in counts or "new" in counts)


def rejudge(
    results: Results,
    domain: Domain,
    basis: Basis | None = None,
    *,
    own_tasks: bool = False,
) -> Rejudged:
    """Judge every episode anew.

    What a judge model thought of a statement is taken from the episode: see `hearing` for asking anew.

    Args:
        results: The results.
        domain: Their domain.
        basis: By what to judge; None: by what the file says it was judged by.
        own_tasks: Judge by the tasks in the file, be they the domain's or not.

    Raises:
        EigenGraphError: The file's databases or tasks are not the domain's, a trial stands in it twice, or the domain's
            own tasks cannot be judged: then nothing is judged.
    """
    digest = database_digest(domain)
    if results.info.database not in {"", digest}:
        raise EigenGraphError(
            f"the results were made with databases {results.info.database} of {results.info.domain}, but "
            f"{domain.name} has {digest}: judge with the version that made them"
        )
    tasks, task_digest = tasks_of(results, domain, own=own_tasks)
    _require_once(results)
    court = _Court(domain, tasks, basis or results.info.basis, results.info.basis)
    judged = [court.rule(episode) for episode in results.episodes]
    named = list(dict.fromkeys([*(str(task.get("id")) for task in results.tasks), *_known(results, tasks)]))
    trials = {(name, trial) for name in named for trial in range(results.info.trials)}
    info = results.info.model_copy(
        update={
            "domain": domain.name,
            "database": digest,
            "task_digest": task_digest,
            "basis": court.basis,
        }
    )
    return Rejudged(
        results=Results(
            info=info,
            tasks=tuple(tasks[name].to_json() for name in named),
            episodes=tuple(episode for episode, _ in judged),
        ),
        rulings=tuple(ruling for _, ruling in judged),
        missing=len(trials - {(episode.task_id, episode.trial) for episode in results.episodes}),
    )


class _UnjudgedError(Exception):
    """An episode that has no verdict."""

    def __init__(self, outcome: Outcome, reason: str, verdict: Verdict | None = None) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.verdict = verdict
        """What is known of it all the same."""


class _Court:
    """Judges the episodes of one file."""

    def __init__(self, domain: Domain, tasks: Mapping[str, Task], basis: Basis, stated: Basis) -> None:
        self.basis = basis
        self._domain = domain
        self._tasks = tasks
        self._explains = basis == "eigen" and stated == "tau2"
        self._checkers: dict[str, Checker] = {}

    def rule(self, episode: Episode) -> tuple[Episode, Ruling]:
        """The episode with our verdict, and what became of it."""
        stated = Verdict.from_json(episode.verdict) if episode.status == "judged" else None
        ruling = Ruling(episode.task_id, episode.trial, "new", stated.reward if stated else None, None, "")
        try:
            verdict = self._verdict(episode)
        except _UnjudgedError as error:
            status = "infrastructure" if error.outcome == "infrastructure" else "unjudged"
            known = error.verdict.to_json() if error.verdict else None
            left = episode.model_copy(update={"status": status, "verdict": known, "reason": str(error)})
            return left, replace(ruling, outcome=error.outcome, reason=str(error))
        judged = episode.model_copy(update={"status": "judged", "verdict": verdict.to_json(), "reason": ""})
        if stated and abs(stated.reward - verdict.reward) > 1 - SUCCESS:
            ruling = replace(ruling, outcome="different", reason=self._why(episode, stated, verdict))
        elif stated:
            ruling = replace(ruling, outcome="equal")
        return judged, replace(ruling, reward=verdict.reward)

    def _verdict(self, episode: Episode) -> Verdict:
        if episode.status == "infrastructure":
            raise _UnjudgedError("infrastructure", episode.reason or "broken off by the infrastructure")
        if episode.task_id not in self._tasks:
            raise _UnjudgedError("unknown_task", f"{self._domain.name} has no task {episode.task_id!r:.80}")
        if episode.trajectory is None or not episode.trajectory.get("messages"):
            raise _UnjudgedError("empty", episode.reason or "it has no messages")
        task = self._tasks[episode.task_id]
        try:
            trajectory = Trajectory.from_json(episode.trajectory)
        except EigenGraphError as error:
            raise _UnjudgedError("empty", str(error)) from error
        if trajectory.termination == "infrastructure_error":
            raise _UnjudgedError("infrastructure", "broken off by the infrastructure")
        try:
            if trajectory.termination in _STOPPED:  # any other ending is worth 0 whatever was done
                _require_true(task, trajectory, self._domain)
            verdict = self._checker(task).judge(trajectory, self._domain, opinions=_heard(episode))
        except OutageError:
            raise
        except (EigenGraphError, ToolError) as error:
            lost = isinstance(error, InfrastructureError)
            raise _UnjudgedError("infrastructure" if lost else "unfit", str(error)) from error
        if verdict.unjudged:
            raise _UnjudgedError("unheard", verdict.reason, verdict)
        return verdict

    def _checker(self, task: Task) -> Checker:
        if task.id not in self._checkers:
            basis = None if self.basis == "own" else self.basis
            self._checkers[task.id] = build_checker(task, self._domain, basis=basis)
        return self._checkers[task.id]

    def _why(self, episode: Episode, stated: Verdict, verdict: Verdict) -> str:
        if self._explains:
            bench = self._checker(self._tasks[episode.task_id]).bench(self._domain)
            trajectory = Trajectory.from_json(episode.trajectory)
            if found := "; ".join(map(str, explained(bench, trajectory, _heard(episode)))):
                return found
        if verdict.reason:
            return verdict.reason
        passed = ", ".join(part.name for part in verdict.parts) or "all"
        return f"{passed} passed here" + (f"; {stated.reason}" if stated.reason else "")


def _heard(episode: Episode) -> dict[str, Opinion]:
    try:
        return {text: Opinion.model_validate(opinion) for text, opinion in episode.opinions.items()}
    except ValidationError as error:
        raise EigenGraphError(f"its opinions cannot be read: {error.errors()[0]['msg']}") from error


def _require_once(results: Results) -> None:
    counts = Counter((episode.task_id, episode.trial) for episode in results.episodes)
    (name, trial), times = max(counts.items(), key=lambda item: item[1], default=(("", 0), 1))
    if times > 1:
        raise EigenGraphError(f"trial {trial} of task {name!r:.80} stands in the results {times} times")


def _known(results: Results, tasks: Mapping[str, Task]) -> list[str]:
    return [episode.task_id for episode in results.episodes if episode.task_id in tasks]


def _require_true(task: Task, trajectory: Trajectory, domain: Domain) -> None:
    """Refuse a record whose results are not those that the calls give; tau2 does not judge such either."""
    for step, again in replayed(task, trajectory, domain):
        side = domain.agent if step.actor == "assistant" else domain.user
        exists = side is not None and step.call.name in side.toolbox
        recorded = step.result
        if recorded is None or _same(recorded, again) or (recorded.error and not exists):
            continue  # how it is said that a tool does not exist, changes from version to version
        where = f"message {step.at}: {step.call.name:.60}"
        if not exists:
            who = "agent" if step.actor == "assistant" else "user"
            raise _UnjudgedError("unknown_tool", f"{where} is no tool of the {who}'s, yet gave {_brief(recorded)}")
        raise _UnjudgedError("untrue", f"{where} gave {_brief(recorded)}; run again, it gives {_brief(again)}")


def _same(recorded: Message, again: Message) -> bool:
    """Equal as JSON, as tau2 compares them."""
    return recorded.error == again.error and _read(recorded.content) == _read(again.content)


def _read(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return text or ""


def _brief(message: Message) -> str:
    text = " ".join((message.content or "").split())
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…")
