"""What a path holds: a synthesis run, an evaluation, or a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.engine import RESULTS
from eigen_graph.evaluation.folder import is_evaluation
from eigen_graph.report.episodes import Episodes, FileEpisodes, FolderEpisodes
from eigen_graph.rl.folder import RECIPE
from eigen_graph.rl.history import History
from eigen_graph.runs import RunFolder

_RUN = "run.json"


@dataclass
class Sources:
    """All that a report is about."""

    run: RunFolder | None = None
    evaluations: list[Episodes] = field(default_factory=list)
    training: History | None = None


def sources_of(paths: Sequence[Path]) -> Sources:
    """Find out what each path holds.

    Args:
        paths: Folders, or results files of evaluations. A pipeline's folder stands for its run and evaluations too.

    Raises:
        EigenGraphError: One holds nothing of that kind, cannot be read, or is a second run or training.
    """
    found = Sources()
    for path in paths:
        if is_training(path):
            if found.training is not None:
                raise EigenGraphError(f"{path} is a second training: one page holds one")
            found.training = History.of(path)
            for part in _parts(path):
                _add(found, part)
        else:
            _add(found, path)
    if not paths:
        raise EigenGraphError("name a run's folder, evaluations' folders, or a training's folder")
    return found


def is_training(path: Path) -> bool:
    """Whether a path is a training's folder."""
    return (path / RECIPE).is_file()


def _add(found: Sources, path: Path) -> None:
    if path.is_file() and path.suffix == ".json":
        found.evaluations.append(FileEpisodes(path))
    elif (path / _RUN).is_file():
        folder = RunFolder.open(path)
        if is_evaluation(folder):
            found.evaluations.append(FolderEpisodes(path))
        elif found.run is None:
            found.run = folder
        else:
            raise EigenGraphError(f"{path} is a second run, beside {found.run.path}: one page holds one")
    elif (path / RESULTS).is_file():
        found.evaluations.append(FileEpisodes(path / RESULTS))
    elif path.exists():
        raise EigenGraphError(
            f"there is nothing to report on in {path}: no {_RUN} (a run or an evaluation), no {RECIPE} (a training), "
            f"no {RESULTS}: name the folder of one"
        )
    else:
        raise EigenGraphError(f"there is no {path}: name the folder of a run, an evaluation or a training")


def _parts(path: Path) -> Iterator[Path]:
    """What a pipeline left in a training's folder: its run, and its evaluations in the order they were begun."""
    if (path / "run" / _RUN).is_file():
        yield path / "run"
    begun = {folder: RunFolder.open(folder).info.created for folder in path.glob("eval-*") if (folder / _RUN).is_file()}
    yield from sorted(begun, key=lambda folder: (begun[folder], folder.name))
