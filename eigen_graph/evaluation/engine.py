"""An evaluation on a run folder: every trial of every task played, judged, recorded, and summed up at the end.

Each episode is named after its task and trial and committed as it ends, so an evaluation that is stopped or killed
goes on where it was, and how many run at once changes nothing of what comes out.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from eigen_graph.checkers import Checker, Opinion, Verdict, build_checker
from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import Domain, EigenGraphError, Task, Trajectory
from eigen_graph.evaluation.floors import floors
from eigen_graph.evaluation.folder import begin, find, go_on, info_of, plays_cases
from eigen_graph.evaluation.opinions import opinions
from eigen_graph.evaluation.results import SUCCESS, Episode, EvaluationInfo, Results
from eigen_graph.evaluation.settings import EvaluationSettings
from eigen_graph.evaluation.summary import Summary, summarize
from eigen_graph.evaluation.tasks import chosen, playable, require_fit, task_set
from eigen_graph.graphs import Context, dialogue
from eigen_graph.graphs.batches import apart, each
from eigen_graph.graphs.dialogue import DialogueRequest
from eigen_graph.graphs.recording import recorded
from eigen_graph.models import Budget, InfrastructureError, ReplyError, RequestError, Scene
from eigen_graph.runs import EpisodeRow, Ledger, RunFolder, episode_id

RESULTS = "results.json"
Tell = Callable[[dict[str, Any]], None]


@dataclass
class Evaluation:
    """An evaluation that is open: its ledger is locked by this process."""

    folder: RunFolder
    ledger: Ledger
    context: Context
    settings: EvaluationSettings
    info: EvaluationInfo
    tasks: tuple[Task, ...]

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path | str,
        context: Context,
        settings: EvaluationSettings | None = None,
        *,
        tasks: Iterable[Task] | None = None,
        budget: Budget | None = None,
    ) -> AsyncIterator[Self]:
        """Begin an evaluation in a new folder, or go on with the one that is there. Everything is checked before.

        Args:
            path: The run folder.
            context: Who plays, within which limits: see `folder.context_for`.
            settings: Which tasks, how often, and judged how; None: as the evaluation that is there was begun.
            tasks: The tasks, when they are handed over here.
            budget: What may be spent, over all processes of the evaluation.

        Raises:
            EigenGraphError: The tasks or models cannot be used, or the folder holds something else: another run, or an
                evaluation of other tasks, on other databases or with other settings.
        """
        settings = find(path)[1] if settings is None else settings
        if tasks is not None:
            settings = settings.model_copy(update={"given": True})
        found, info = _planned(context, settings, tasks)
        await context.preflight(budget, given=True)
        if (Path(path) / "run.json").exists():
            folder = go_on(path, context, settings, info)
            info = find(path)[2]
        else:
            folder = begin(path, context, settings, info, episodes=len(found) * settings.trials, budget=budget)
        async with recorded(context, folder, budget) as ledger:
            yield cls(folder, ledger, context, settings, info, found)

    @property
    def total(self) -> int:
        """Episodes in all."""
        return len(self.tasks) * self.info.trials

    def standing(self) -> Counter[str]:
        """How many of the episodes played so far are `solved`, `failed` and `unjudged`."""
        found = Counter(outcome_of(row.status, row.verdict) for row in self.ledger.episodes())
        del found["infrastructure"]  # to be played again
        return found

    async def play(self, tell: Tell) -> None:
        """Play and judge what the ledger lacks, the first trial of every task before the second of any.

        Episodes that an earlier process lost to a failing server are played again, from the replies that it had.

        Args:
            tell: Gets an event for each episode that ends: `{"episode", "task", "trial", "outcome"}`, the last
                `solved`, `failed`, `unjudged` or `infrastructure`.

        Raises:
            RunPausedError: `Context.stop` was set; what was in work is finished first.
            OutageError: The model server is gone.
            BudgetExceededError: The budget is spent.
            LedgerError: The ledger cannot be written.
        """
        lost = await asyncio.to_thread(self.ledger.episode_ids, "infrastructure")
        if lost:
            await self.ledger.forget(sorted(lost))
        done = await asyncio.to_thread(self.ledger.episode_ids)
        places = [(index, trial) for trial in range(self.info.trials) for index in range(len(self.tasks))]

        async def play(place: tuple[int, int]) -> None:
            row = await apart(self._episode(*place))
            await self.ledger.add_episode(row)
            outcome = outcome_of(row.status, row.verdict)
            tell({"episode": row.id, "task": row.task_id, "trial": row.trial, "outcome": outcome})

        await each([place for place in places if episode_id(*place) not in done], play, self.context)

    def results(self) -> tuple[Results, Summary]:
        """All that the ledger holds so far, with its figures."""
        rows = list(self.ledger.episodes())
        costs = self.ledger.costs([row.id for row in rows])
        found = Results(
            info=self.info,
            tasks=tuple(task.to_json() for task in self.tasks),
            episodes=tuple(_episode(row, costs[row.id].usd) for row in rows),
        )
        acts = plays_cases(self.context.user_model or self.context.model)
        summary = summarize(found, floors(self._checkers, self._domain, scripted_user=acts))
        return found.model_copy(update={"summary": summary.to_json()}), summary

    def save(self, results: Results) -> Path:
        """Write them to `results.json` in the folder.

        Raises:
            EigenGraphError: It cannot be written.
        """
        path = self.folder.path / RESULTS
        try:
            results.save(path)
        except OSError as error:
            raise EigenGraphError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    @property
    def _domain(self) -> Domain:
        return self.context.resolved_domain

    @cached_property
    def _checkers(self) -> Mapping[str, Checker]:
        """By task id; each works its gold end out once, for all trials."""
        basis = None if self.info.basis == "own" else self.info.basis
        return {task.id: build_checker(task, self._domain, basis=basis) for task in self.tasks}

    @cached_property
    def _requests(self) -> list[DialogueRequest]:
        """What is the same in every trial of a task."""
        domain, briefing = self._domain, self._domain.briefing
        scripted = _is_scripted(self.context)
        requests = []
        for task in self.tasks:
            request = DialogueRequest(task=(playable(task, domain) if scripted else task).to_json())
            if self.info.briefing == "benchmark" and briefing is not None:
                request |= DialogueRequest(agent_system=briefing.agent(domain), user_system=briefing.user(domain, task))
            requests.append(request)
        return requests

    async def _episode(self, index: int, trial: int) -> EpisodeRow:
        task, seed, began = self.tasks[index], self.settings.seeds[trial], time.time()
        row = EpisodeRow(
            id=episode_id(index, trial),
            index=index,
            trial=trial,
            task_id=task.id,
            seed=seed,
            status="infrastructure",
        )
        try:
            request = self._requests[index] | DialogueRequest(scene=row.id, attempt=seed, seed=seed)
            done = await dialogue.ainvoke(request, context=self.context)
            trajectory = Trajectory.from_json(done["trajectory"])
            found = await self._judged(self._checkers[task.id], trajectory, Scene(id=row.id, attempt=seed, seed=seed))
        except InfrastructureError as error:
            found = {"reason": bounded(str(error))}
        else:
            found["trajectory"] = done["trajectory"]
        return row.model_copy(update={**found, "seconds": round(time.time() - began, 3)})

    async def _judged(self, checker: Checker, trajectory: Trajectory, scene: Scene) -> dict[str, Any]:
        """The verdict; a judge model is only asked where the rest has passed."""

        async def judge(heard: Mapping[str, Opinion]) -> Verdict:
            if "code" in checker.basis or self._domain.blocking:  # what is waited for
                return await asyncio.to_thread(checker.judge, trajectory, self._domain, opinions=heard)
            return checker.judge(trajectory, self._domain, opinions=heard)

        verdict, heard, problem = await judge({}), {}, ""
        statements = checker.task.criteria.nl_assertions or ()
        if verdict.unjudged and self.info.judge and "NL_ASSERTION" in checker.basis and statements:
            try:
                heard = await opinions(self.context.cast, statements, trajectory, scene=scene)
                verdict = await judge(heard)
            except (ReplyError, RequestError) as error:
                problem = bounded(str(error))
        return {
            "status": "unjudged" if verdict.unjudged else "judged",
            "reason": (problem or verdict.reason) if verdict.unjudged else "",
            "verdict": verdict.to_json(),
            "opinions": {text: opinion.model_dump(mode="json") for text, opinion in heard.items()},
        }


def _planned(
    context: Context, settings: EvaluationSettings, given: Iterable[Task] | None
) -> tuple[tuple[Task, ...], EvaluationInfo]:
    """The tasks, all of which can be played and judged, and what the evaluation will be one of."""
    domain = context.resolved_domain
    if context.judge_model is not None and plays_cases(context.judge_model):
        raise EigenGraphError("`scripted` has no opinions: name a model for the judge (--judge openai:NAME)")
    if settings.briefing == "benchmark" and domain.briefing is None:
        raise EigenGraphError(f"domain {domain.name!r} comes with no benchmark's wording: leave --briefing out")
    tasks = task_set(domain, settings, given)
    found = chosen(tasks, settings)
    require_fit(found, domain)
    if _is_scripted(context):
        for task in found:
            playable(task, domain)
    basis = settings.basis_in(domain)
    for task in found:
        try:
            build_checker(task, domain, basis=None if basis == "own" else basis)
        except EigenGraphError as error:
            raise EigenGraphError(f"task {task.id!r:.80} cannot be judged by {basis} rules: {error}") from error
    return found, info_of(context, settings, tasks)


def outcome_of(status: str, verdict: Mapping[str, Any] | None) -> str:
    """What an episode came to, in a word: `solved`, `failed`, or else its status."""
    if status != "judged" or verdict is None:
        return status
    return "solved" if verdict["reward"] >= SUCCESS else "failed"


def _is_scripted(context: Context) -> bool:
    return plays_cases(context.model) or plays_cases(context.user_model or context.model)


def _episode(row: EpisodeRow, cost: float | None) -> Episode:
    kept = ("task_id", "trial", "seed", "status", "trajectory", "verdict", "opinions", "reason", "seconds")
    return Episode(**{name: getattr(row, name) for name in kept}, cost_usd=cost)
