"""From a run's ledger to files that trainers read: one pass over the accepted rows, memory flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from eigen_graph.checkers.contamination import RESERVED
from eigen_graph.core import Domain, EigenGraphError, Task, UnknownNameError
from eigen_graph.domains import load_domain
from eigen_graph.runs.datasets.card import write_card
from eigen_graph.runs.datasets.dialogues import COLUMNS, View, agent_examples, user_examples
from eigen_graph.runs.datasets.duplicates import Duplicates
from eigen_graph.runs.datasets.files import Draft, JsonLines, JsonList, Parquet, clean
from eigen_graph.runs.datasets.overlap import Overlap
from eigen_graph.runs.datasets.report import ExportReport
from eigen_graph.runs.datasets.tasks import rl_task, tau2_task
from eigen_graph.runs.folder import RunFolder
from eigen_graph.runs.rows import InstanceRow

FORMATS = ("sft", "user_sft", "rl", "tau2")
"""What `export_run` can write: the agent's dialogues, the user's, tasks with checkers, tau2 task JSON."""

_Rows = Callable[[InstanceRow], Iterator[dict[str, Any]]]


def export_run(
    folder: RunFolder,
    formats: Sequence[str] = FORMATS,
    *,
    out: Path | None = None,
    domain: Domain | None = None,
    view: View = "dialogue",
    dedup_threshold: float = 0.9,
    keep_eigen: bool = False,
) -> ExportReport:
    """Write a run's accepted dialogues as data sets, with a card. Every file appears whole or not at all.

    The same ledger gives the same bytes. A run that is still being written may be exported. An accepted task that comes
    close to one that the domain reserves for testing is left out, also where the run's own guard did not know it yet.

    Args:
        folder: The run.
        formats: Which of `FORMATS`.
        out: Where to; `export/` in the run's folder when left out.
        domain: The run's domain; loaded by the name in `run.json` when left out.
        view: Whether `sft` and `user_sft` have a row for each dialogue or one for each turn.
        dedup_threshold: Similarity (0..1) from which a later task counts as a near-duplicate; above 1: none does.
        keep_eigen: Leave our own block in tau2's task JSON.

    Raises:
        UnknownNameError: There is no such format.
        EigenGraphError: The run has no ledger, its domain cannot be loaded, or the files cannot be written.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UnknownNameError(f"no export format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    domain = domain or load_domain(folder.info.domain)
    report = ExportReport(out or folder.export_path, overlap=Overlap.of(domain))
    duplicates = Duplicates(dedup_threshold, reads=_read_tools(domain))
    try:
        report.folder.mkdir(parents=True, exist_ok=True)
        with folder.reader() as ledger, ExitStack() as unfinished:
            outlets: list[tuple[_Rows, list[Draft]]] = []
            for name in dict.fromkeys(formats):
                rows, drafts = _outlet(name, report.folder, domain, view, folder.info.database, keep_eigen=keep_eigen)
                outlets.append((rows, [unfinished.enter_context(draft) for draft in drafts]))
            for row in ledger.instances("accepted"):
                report.accepted += 1
                task = Task.from_json(row.task)
                if report.overlap and report.overlap.finds(row.id, task):
                    continue
                if duplicate := duplicates.find(row.id, task):
                    report.duplicates.append(duplicate)
                else:
                    _write(row, outlets)
                    _measure(row, task, report)
            if report.overlap:
                report.overlap.dropped = ledger.count_reasons(RESERVED)
            for draft in (draft for _, drafts in outlets for draft in drafts):
                draft.publish()
                report.files[draft.path.name] = draft.rows
            write_card(folder, ledger, report, domain, view)
    except OSError as error:
        raise EigenGraphError(f"cannot write to {report.folder}: {error.strerror or error}") from error
    return report


def _measure(row: InstanceRow, task: Task, report: ExportReport) -> None:
    report.exported += 1
    report.workflows[row.workflow] = report.workflows.get(row.workflow, 0) + 1
    report.kill_rates += [row.kill_rate] if row.kill_rate is not None else []
    if report.overlap:
        report.overlap.add(row.id, task)


def _outlet(
    name: str, out: Path, domain: Domain, view: View, database: str, *, keep_eigen: bool
) -> tuple[_Rows, list[Draft]]:
    """What a format makes of an instance, and the files that it goes to."""
    if name == "rl":
        return lambda row: iter([rl_task(row, domain, database)]), [JsonLines(out / "rl.jsonl")]
    if name == "tau2":
        return lambda row: iter([tau2_task(row, keep_eigen=keep_eigen)]), [JsonList(out / "tasks.json")]
    examples = agent_examples if name == "sft" else user_examples
    files = [JsonLines(out / f"{name}.jsonl"), Parquet(out / f"{name}.parquet", COLUMNS, as_text=("tools",))]
    return partial(examples, domain=domain, view=view), files


def _write(row: InstanceRow, outlets: list[tuple[_Rows, list[Draft]]]) -> None:
    for rows, drafts in outlets:
        for example, text in map(clean, rows(row)):
            for draft in drafts:
                draft.add(example, text)


def _read_tools(domain: Domain) -> set[str]:
    sides = (side for side in (domain.agent, domain.user) if side)
    return {name for side in sides for name, bound in side.toolbox.items() if not bound.traits.writes}
