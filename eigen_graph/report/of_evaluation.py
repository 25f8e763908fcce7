"""An evaluation: its section of the page, its rows of the listing, its dialogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import Domain, EigenGraphError, Task
from eigen_graph.evaluation.comparison import compare
from eigen_graph.evaluation.engine import outcome_of
from eigen_graph.evaluation.floors import floors
from eigen_graph.evaluation.folder import plays_cases
from eigen_graph.evaluation.outcomes import outcomes_of, solved_by_task
from eigen_graph.evaluation.results import Episode, Results
from eigen_graph.evaluation.summary import Floor, Summary, summarize
from eigen_graph.report.data import Dialogue, EvaluationSection, Figure, PassK
from eigen_graph.report.dialogues import Material, dialogue_of, unreadable
from eigen_graph.report.episodes import Episodes
from eigen_graph.report.listing import UNREADABLE, Rows
from eigen_graph.report.settings import Settings
from eigen_graph.report.tell import Tell, every
from eigen_graph.report.words import counted, line, money
from eigen_graph.runs import EpisodeRow

_FEW = 20
"""Tasks below which an interval is wide whatever comes out."""


class EvaluationSource:
    """An evaluation to be reported on, read in two passes: figures first, dialogues when they are written.

    Args:
        episodes: Its episodes.
        name: What it is called on the page.
        settings: Loads its domain.
        prefix: Of its dialogues' ids, where there are others on the page.
        tell: Gets lines for people.
    """

    def __init__(self, episodes: Episodes, name: str, settings: Settings, prefix: str, tell: Tell) -> None:
        self.episodes, self.name, self.info = episodes, name, episodes.info
        self.notes: list[str] = []
        self.results: Results
        """Set by `section`: all but the dialogues."""
        self._setting = settings(self.info.domain, self.info.database)
        self._prefix, self._tell = prefix, tell
        self._names: list[str] = []
        self._tasks: dict[str, dict[str, Any]] = {}

    @property
    def subtitle(self) -> str:
        """What was evaluated, in words."""
        info = self.info
        split = f", split {info.split}" if info.split else ""
        return f"domain {info.domain}{split}, agent {info.agent}, user {info.user}, seed {info.seed}"

    def section(self, rows: Rows, first: EvaluationSource | None) -> EvaluationSection:
        """Read the evaluation once, adding its episodes to a listing.

        Args:
            rows: The listing.
            first: What it is compared with, read before; None: this is the first.

        Raises:
            EigenGraphError: It cannot be read, or contradicts itself.
        """
        self._names = self.episodes.names()
        self._tasks = self.episodes.tasks(self._setting.domain)
        self.results = Results(
            info=self.info,
            tasks=(),
            episodes=tuple(self._episodes(rows)),
        )
        named = dict.fromkeys([*self._tasks, *(episode.task_id for episode in self.results.episodes)])
        self.results = self.results.model_copy(update={"tasks": tuple({"id": name} for name in named)})
        summary = summarize(self.results, self._floors())
        self._note(summary)
        solved = solved_by_task(outcomes_of(self.results))
        return EvaluationSection(
            name=self.name,
            domain=self.info.domain,
            agent=self.info.agent,
            user=self.info.user,
            episodes=len(self.results.episodes),
            unjudged=summary.unjudged,
            infrastructure=summary.infrastructure,
            pass_hats=tuple(PassK(**hat.model_dump()) for hat in summary.pass_hat),
            floors=tuple(map(_floor, summary.floors)),
            blames=summary.failures_by_blame,
            terminations=summary.failures_by_termination,
            cost=_cost(summary),
            against_first=_against(first.results, self.results) if first else "",
            tasks={task: (sum(trials), len(trials)) for task, trials in solved.items()},
        )

    def figures(self, section: EvaluationSection) -> Iterator[Figure]:
        """Its numbers worth a large type."""
        for hat in (section.pass_hats[:1], section.pass_hats[1:][-1:]):
            for one in hat:
                note = f"95 %: {one.low:.3f} to {one.high:.3f}, {counted(one.tasks, 'task')}"
                yield Figure(label=f"pass^{one.k}", value=f"{one.value:.3f}", note=note)
        if section.floors:
            best = section.floors[0]
            yield Figure(label=f"floor: {best.label}", value=best.value, note=best.note)
        yield Figure(label="episodes", value=f"{section.episodes:,}", note=section.cost)

    def dialogues(self) -> Iterator[Dialogue]:
        """The episodes in the order of the listing, one after another; `section` comes first."""
        numbers = iter(every(self._names, f"writing dialogues of {self.name}", self._tell))
        for name, row in self.episodes.read(self._names):
            next(numbers)
            if isinstance(row, EpisodeRow):
                yield dialogue_of(self._material(row), self._setting)
            else:
                yield unreadable(self._prefix + name, UNREADABLE, row)

    def _episodes(self, rows: Rows) -> Iterator[Episode]:
        """Every episode without its messages."""
        costs = self.episodes.costs(self._names)
        for name, row in self.episodes.read(self._names):
            if not isinstance(row, EpisodeRow):
                self.notes.append(f"{self.name}: episode {name} cannot be read and counts for nothing.")
                rows.add(id=self._prefix + name, source=self.name, fate=UNREADABLE)
                continue
            outcome = outcome_of(row.status, row.verdict)
            rows.add_episode(self._prefix + name, self.name, row, outcome, self._tasks.get(row.task_id))
            told = {key: value for key, value in (row.trajectory or {}).items() if key in {"termination", "usage"}}
            yield Episode(
                task_id=row.task_id,
                trial=row.trial,
                seed=row.seed,
                status=row.status,
                trajectory=told or None,
                verdict=row.verdict,
                seconds=row.seconds,
                cost_usd=costs.get(name),
            )

    def _floors(self) -> Mapping[str, Mapping[str, bool | None]]:
        """What inert agents solve of the same tasks; nothing where the tasks cannot be judged here."""
        domain, played = self._setting.domain, dict.fromkeys(one.task_id for one in self.results.episodes)
        if domain is None:
            self.notes.append(f"{self.name}: no floors are shown: {self._setting.why_not}.")
            return {}
        try:
            checkers = {name: self._checker(name, domain) for name in played}
            return floors(checkers, domain, scripted_user=_plays_cases(self.info.user))
        except Exception as error:  # noqa: BLE001  # a foreign domain's code, on tasks that anybody may have written
            self.notes.append(f"{self.name}: no floors are shown: its tasks cannot be judged here ({line(error)}).")
            return {}

    def _checker(self, name: str, domain: Domain) -> Checker:
        if name not in self._tasks:
            raise EigenGraphError(f"task {name!r:.80} is not known")
        basis = None if self.info.basis == "own" else self.info.basis
        return build_checker(Task.from_json(self._tasks[name]), domain, basis=basis)

    def _material(self, row: EpisodeRow) -> Material:
        verdict = row.verdict if isinstance(row.verdict, dict) else None
        outcome = outcome_of(row.status, row.verdict)
        lost = outcome == "failed" and verdict is not None
        return Material(
            id=self._prefix + row.id,
            fate=outcome,
            task=self._tasks.get(row.task_id),
            trajectory=row.trajectory,
            verdict=verdict,
            blame=str((verdict or {}).get("blame") or "") if lost else "",
            reason=str((verdict or {}).get("reason") or "") if lost else row.reason,
            opinions=row.opinions,
            attributed=not lost,
            title=f"task {row.task_id}, trial {row.trial}",
        )

    def _note(self, summary: Summary) -> None:
        played = len(self.results.episodes) - summary.infrastructure
        if played < self.episodes.wanted:
            self.notes.append(
                f"{self.name} is not finished: {played} of {self.episodes.wanted} episodes; "
                f"eigen-graph resume {self.episodes.path} goes on."
            )
        if not summary.pass_hat:
            self.notes.append(f"{self.name}: nothing was judged, so there is no pass^k.")
        elif summary.pass_hat[0].tasks < _FEW:
            self.notes.append(f"{self.name} is over {counted(summary.pass_hat[0].tasks, 'task')} only.")
        if bounds := summary.bounds:
            self.notes.append(
                f"{self.name}: {counted(summary.unjudged, 'episode')} not judged; pass^1 is {bounds.worst:.3f} to "
                f"{bounds.best:.3f}, however they would come out."
            )
        if summary.unpriced == len(self.results.episodes):
            self.notes.append(f"{self.name}: no call has a price.")


def _floor(floor: Floor) -> Figure:
    gap = floor.difference
    where = "above it" if floor.above else "below it" if gap.below else "not told apart from it"
    open_ = f"; {floor.undecided} more only a judge could tell" if floor.undecided else ""
    note = f"the agent is {where} ({gap.value:+.3f}, 95 %: {gap.low:+.3f} to {gap.high:+.3f}){open_}"
    return Figure(label=floor.name, value=f"{floor.value:.3f}", note=note)


def _cost(summary: Summary) -> str:
    sides = {
        side: summary.tokens.get(f"{side}_in", 0) + summary.tokens.get(f"{side}_out", 0) for side in ("agent", "user")
    }
    unpriced = f" ({summary.unpriced} without a price)" if summary.unpriced and summary.cost_usd else ""
    return f"{money(summary.cost_usd)}{unpriced}; tokens: agent {sides['agent']:,}, user {sides['user']:,}"


def _against(first: Results, other: Results) -> str:
    """The paired difference in pass^1, or why there is none."""
    try:
        found = compare(first, other)
    except EigenGraphError as error:
        return line(error, 400)
    gap = found.pass_hat[0].difference
    sides = f"{found.better} better, {found.worse} worse, {found.equal} equal"
    where = f"over {counted(found.tasks, 'task')}: {sides}"
    told = [f"pass^1 {gap.value:+.3f} (95 %: {gap.low:+.3f} to {gap.high:+.3f}, p {gap.p:.2g}) {where}"]
    told += [f"{counted(len(found.unpaired), 'task')} judged on one side only"] if found.unpaired else []
    told += [f"{name}: {_told(before)} → {_told(after)}" for name, (before, after) in found.settings.items()]
    return "; ".join(told)


def _told(value: Any) -> str:
    return "none" if value is None else str(value)


def _plays_cases(user: str) -> bool:
    try:
        return plays_cases(user)
    except EigenGraphError:  # a model that was handed over in Python
        return False
