"""From synthesis runs and export folders to the dialogues of one training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eigen_graph.checkers import Checker, build_checker, database_digest
from eigen_graph.core import Domain, EigenGraphError, Task
from eigen_graph.runs import RunFolder
from eigen_graph.runs.datasets import export_run
from eigen_graph.runs.datasets.duplicates import Duplicates

AGENT, USER, TASKS = "sft.jsonl", "user_sft.jsonl", "rl.jsonl"
FILES = (AGENT, USER, TASKS)
_FORMATS = ("sft", "user_sft", "rl")

Row = dict[str, Any]


@dataclass(frozen=True)
class Dialogue:
    """An accepted dialogue from both sides, and its task."""

    name: str
    agent: Row
    user: Row
    rl: Row
    checker: Checker

    @property
    def task(self) -> Task:
        """The task, as its checker has it."""
        return self.checker.task


@dataclass
class Gathered:
    """The dialogues of one or several runs, under distinct names."""

    dialogues: dict[str, Dialogue] = field(default_factory=dict)
    duplicates: int = 0
    """Left out because an earlier run has the task already."""


def gather(sources: Sequence[Path], domain: Domain, scratch: Path) -> Gathered:
    """Read the dialogues of runs and export folders.

    The names of the first source stay; those of the n-th begin with `rn-`.

    Args:
        sources: Folders of synthesis runs, or exports with the formats sft, user_sft and rl.
        domain: That all must be of.
        scratch: A folder for exports on the way.

    Raises:
        EigenGraphError: There is none, one cannot be read, is of another domain or database, or has no dialogue.
    """
    if not sources:
        raise EigenGraphError("there is nothing to train on: name a synthesis run or an export folder (--run)")
    found = Gathered()
    reads = {
        name
        for side in (domain.agent, domain.user)
        if side
        for name, tool in side.toolbox.items()
        if not tool.traits.writes
    }
    seen = Duplicates(reads=reads) if len(sources) > 1 else None
    for number, source in enumerate(sources, 1):
        folder = _exported(source, domain, scratch / f"run-{number}")
        before = len(found.dialogues) + found.duplicates
        for dialogue in read_dialogues(folder, domain, source, prefix=f"r{number}-" if number > 1 else ""):
            if seen and seen.find(dialogue.name, dialogue.task):
                found.duplicates += 1
                continue
            found.dialogues[dialogue.name] = dialogue
        if len(found.dialogues) + found.duplicates == before:
            raise EigenGraphError(
                f"{source} has no accepted dialogue, so there is nothing to train on: let it synthesize some "
                f"(eigen-graph show {source} says what became of its instances)"
            )
    return found


def read_dialogues(folder: Path, domain: Domain, source: Path, *, prefix: str = "") -> Iterator[Dialogue]:
    """Read the dialogues of an export.

    Args:
        folder: Where its files are.
        domain: That they must be of.
        source: What to call it in an error.
        prefix: For names, and ids of tasks.

    Raises:
        EigenGraphError: A file is missing or damaged, or of another domain or database.
    """
    agent, user = _side(folder / AGENT), _side(folder / USER)
    digest = database_digest(domain)
    ids: set[str] = set()
    for row in rows_of(folder / TASKS):
        name, made_for = str(row.get("id")), row.get("domain")
        if made_for != domain.name:
            raise EigenGraphError(f"{source} is of domain {made_for!r:.80}, the recipe of {domain.name!r}")
        if name not in agent or name not in user:
            raise EigenGraphError(
                f"{source}: dialogue {name!r:.80} is missing in {AGENT if name not in agent else USER}: export the run "
                "again, with the formats sft, user_sft and rl"
            )
        checker = _checker(row, domain, source)
        if checker.database != digest:
            raise EigenGraphError(
                f"{source} was made for databases {checker.database:.80} of domain {domain.name!r}, which has {digest} "
                "now: train with the version that made it, or synthesize again"
            )
        task = checker.task.model_copy(update={"id": f"{prefix}{checker.task.id}"})
        if task.id in ids:
            raise EigenGraphError(f"{source}: there are two tasks {task.id!r:.80}")
        ids.add(task.id)
        named = {"id": f"{prefix}{name}", "task_id": task.id}
        yield Dialogue(
            f"{prefix}{name}",
            {**agent[name], **named},
            {**user[name], **named},
            {**row, "id": f"{prefix}{name}"},
            checker.model_copy(update={"task": task}),
        )


def rows_of(path: Path) -> Iterator[Row]:
    """The objects of a JSON Lines file.

    Raises:
        EigenGraphError: It cannot be read; the message says which line.
    """
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):  # noqa: B007  # for the error
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise TypeError("it is no JSON object")  # noqa: TRY301
                    yield row
    except FileNotFoundError as error:
        raise EigenGraphError(
            f"there is no {path.name} in {path.parent}: export the run with the formats sft, user_sft and rl"
        ) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise EigenGraphError(f"cannot read {path}, line {number}: {error}") from error


def _exported(source: Path, domain: Domain, out: Path) -> Path:
    """The folder of a source's files."""
    if not source.is_dir():
        raise EigenGraphError(f"there is no folder {source}: name the folder of a synthesis run, or of an export")
    if (source / "run.json").exists():
        run = RunFolder.open(source)
        if run.info.domain != domain.name:
            raise EigenGraphError(f"{source} is a run of domain {run.info.domain!r:.80}, the recipe of {domain.name!r}")
        export_run(run, _FORMATS, out=out, domain=domain)
        return out
    if missing := [name for name in FILES if not (source / name).is_file()]:
        raise EigenGraphError(
            f"{source} is neither a synthesis run (no run.json) nor an export to train on (no {missing[0]}): "
            "eigen-graph export writes one"
        )
    return source


def _checker(row: Row, domain: Domain, source: Path) -> Checker:
    try:
        if row.get("checker") is None:
            return build_checker(Task.from_json(row.get("task")), domain)
        return Checker.from_json(row["checker"])
    except EigenGraphError as error:
        raise EigenGraphError(f"{source}, task {str(row.get('id'))!r:.80}: {error}") from error


def _side(path: Path) -> dict[str, Row]:
    """The rows of one side by dialogue. Rows that an export made for each turn are put together again."""
    shared: dict[str, Any] = {}
    found: dict[str, Row] = {}
    for row in rows_of(path):
        messages, mask = row.get("messages"), row.get("loss_mask")
        if not isinstance(messages, list) or not isinstance(mask, list) or len(mask) != len(messages) or not messages:
            raise EigenGraphError(f"{path}: row {str(row.get('id'))!r:.80} has no messages with a loss_mask as long")
        name, turn, _ = str(row.get("id")).partition("/")
        # System messages and tools are alike in most rows and much the largest part of them: held once.
        for at, key in ((messages[0], "content"), (row, "tools")):
            if at.get(key):
                at[key] = shared.setdefault(json.dumps(at[key]), at[key])
        if not turn or name not in found:
            found[name] = {**row, "id": name}
            continue
        longer, shorter = sorted((found[name], row), key=lambda one: len(one["messages"]), reverse=True)
        both = list(longer["loss_mask"])
        for at, trained in enumerate(shorter["loss_mask"]):
            both[at] |= trained
        found[name] = {**longer, "id": name, "loss_mask": both}
    return found
