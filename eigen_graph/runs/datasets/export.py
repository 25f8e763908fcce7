"""From a run's ledger to files that trainers read: one pass over the accepted rows, memory flat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from eigen_graph.checkers.contamination import RESERVED
from eigen_graph.core import Domain, EigenGraphError, Task
from eigen_graph.domains import absolute_reference, load_domain
from eigen_graph.runs.datasets.card import write_card
from eigen_graph.runs.datasets.dialogues import View
from eigen_graph.runs.datasets.duplicates import Duplicates
from eigen_graph.runs.datasets.files import Text, clean
from eigen_graph.runs.datasets.formats import FORMATS, PLAIN, Order, Outlet, chosen
from eigen_graph.runs.datasets.overlap import Overlap
from eigen_graph.runs.datasets.report import ExportReport
from eigen_graph.runs.folder import RunFolder
from eigen_graph.runs.rows import InstanceRow


def export_run(
    folder: RunFolder,
    formats: Sequence[str] = PLAIN,
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
        formats: Names of `FORMATS`, or `all`.
        out: Where to; `export/` in the run's folder when left out.
        domain: The run's domain; loaded by the name in `run.json` when left out.
        view: Whether `sft` and `user_sft` have a row for each dialogue or one for each turn.
        dedup_threshold: Similarity (0..1) from which a later task counts as a near-duplicate; above 1: none does.
        keep_eigen: Leave our own block in tau2's task JSON.

    Raises:
        UnknownNameError: There is no such format.
        EigenGraphError: The run has no ledger, its domain cannot be loaded, or the files cannot be written.
    """
    wanted = [FORMATS[name] for name in chosen(formats)]
    reference = named if isinstance(named := folder.info.settings.get("context", {}).get("domain"), str) else ""
    domain = domain or load_domain(folder.info.domain)
    report = ExportReport(out or folder.export_path, overlap=Overlap.of(domain))
    duplicates = Duplicates(dedup_threshold, reads=_read_tools(domain))
    try:
        report.folder.mkdir(parents=True, exist_ok=True)
        with folder.reader() as ledger, ExitStack() as unfinished:
            order = Order(
                report.folder,
                domain,
                absolute_reference(reference or domain.name),
                folder.info.database,
                view,
                keep_eigen=keep_eigen,
            )
            outlets = [each.open(order) for each in wanted]
            for draft in (draft for outlet in outlets for draft in outlet.drafts):
                unfinished.enter_context(draft)
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
            for outlet in outlets:
                for draft in outlet.drafts:
                    draft.publish()
                    if not isinstance(draft, Text):
                        report.files[draft.path.relative_to(report.folder).as_posix()] = draft.rows
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


def _write(row: InstanceRow, outlets: list[Outlet]) -> None:
    for make, drafts in (part for outlet in outlets for part in outlet.parts):
        for example, text in map(clean, make(row)):
            for draft in drafts:
                draft.add(example, text)


def _read_tools(domain: Domain) -> set[str]:
    sides = (side for side in (domain.agent, domain.user) if side)
    return {name for side in sides for name, bound in side.toolbox.items() if not bound.traits.writes}
