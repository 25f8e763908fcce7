"""Where the episodes of an evaluation are read from: its folder, also while it is under way, or a results file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.evaluation.engine import RESULTS
from eigen_graph.evaluation.folder import find
from eigen_graph.evaluation.results import EvaluationInfo, Results
from eigen_graph.evaluation.tasks import chosen, task_set
from eigen_graph.runs import EpisodeRow, episode_id

DAMAGED = (EigenGraphError, sqlite3.Error, RecursionError)
"""What reading a row of a damaged ledger raises."""


class Episodes(Protocol):
    """An evaluation's episodes, in order."""

    path: Path
    info: EvaluationInfo
    wanted: int
    """How many there are to be."""

    def names(self) -> list[str]:
        """Ids of those that were played."""

    def read(self, names: list[str]) -> Iterator[tuple[str, EpisodeRow | Exception]]:
        """Each beside its id; a row that is damaged is the error that says so."""

    def costs(self, names: list[str]) -> Mapping[str, float | None]:
        """USD by id; None: unknown."""

    def tasks(self, domain: Domain | None) -> dict[str, dict[str, Any]]:
        """Task JSON by id, as far as it can be found."""


class FolderEpisodes:
    """Those in an evaluation's folder.

    Raises:
        EigenGraphError: There is no evaluation in it, or its settings cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder, self._settings, self.info = find(path)
        self.wanted = int(self._folder.info.settings["evaluation"].get("episodes") or 0)

    def names(self) -> list[str]:
        """Ids of those that were played."""
        with self._folder.reader() as ledger:
            return sorted(ledger.episode_ids())

    def read(self, names: list[str]) -> Iterator[tuple[str, EpisodeRow | Exception]]:
        """Each beside its id."""
        with closing(self._folder.reader()) as ledger:
            for name in names:
                try:
                    yield name, ledger.episode(name)
                except DAMAGED as error:
                    yield name, error

    def costs(self, names: list[str]) -> Mapping[str, float | None]:
        """USD by id."""
        with self._folder.reader() as ledger:
            return {name: cost.usd for name, cost in ledger.costs(names).items()}

    def tasks(self, domain: Domain | None) -> dict[str, dict[str, Any]]:
        """From the results, which are there once it is finished; else from the domain, by the settings."""
        if (self.path / RESULTS).is_file():
            try:
                return _by_id(Results.load(self.path / RESULTS))
            except EigenGraphError:
                pass  # they are made anew by whoever finishes the evaluation
        if domain is None:
            return {}
        try:
            found = chosen(task_set(domain, self._settings), self._settings)
        except EigenGraphError:  # tasks that were handed over in Python, or a file that is gone
            return {}
        return {task.id: task.to_json() for task in found}


class FileEpisodes:
    """Those in a results file, as `judge` writes it.

    Raises:
        EigenGraphError: It is no results file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._results = Results.load(path)
        self.info = self._results.info
        self.wanted = len(self._results.tasks) * self.info.trials
        places = {str(task.get("id")): place for place, task in enumerate(self._results.tasks)}
        self._rows = {
            episode_id(places.get(one.task_id, len(places)), one.trial): one for one in self._results.episodes
        }

    def names(self) -> list[str]:
        """Ids as a folder would give them."""
        return sorted(self._rows)

    def read(self, names: list[str]) -> Iterator[tuple[str, EpisodeRow | Exception]]:
        """Each beside its id."""
        for name in names:
            data = self._rows[name].model_dump(exclude={"cost_usd"})
            yield name, EpisodeRow(id=name, index=int(name[1:].partition("-")[0]), **data)

    def costs(self, names: list[str]) -> Mapping[str, float | None]:
        """USD by id."""
        return {name: self._rows[name].cost_usd for name in names}

    def tasks(self, domain: Domain | None) -> dict[str, dict[str, Any]]:  # noqa: ARG002  # as the protocol has it
        """From the file."""
        return _by_id(self._results)


def _by_id(results: Results) -> dict[str, dict[str, Any]]:
    return {str(task.get("id")): task for task in results.tasks}
