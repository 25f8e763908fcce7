"""`status`, `verify`, `export` and `show`: look at a run that is there."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from eigen_graph.cli.console import out, print_json
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.runs import InstanceRow, LedgerReader, RunFolder
from eigen_graph.runs.datasets import FORMATS, export_run
from eigen_graph.runs.verify import Finding, verify_run

RunPath = Annotated[Path, typer.Argument(help="Run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_SHOWN_FINDINGS = 20


class View(StrEnum):
    """How `sft` cuts a dialogue into rows."""

    DIALOGUE = "dialogue"
    TURN = "turn"


def status(run: RunPath, as_json: AsJson = False) -> None:
    """Say how far a run is: accepted, rejected and why, coverage, what it cost."""
    folder = RunFolder.open(run)
    with folder.reader() as ledger:
        counts, spent, coverage = ledger.counts(), ledger.spent(), ledger.coverage()
        kill_rates = [row.kill_rate for row in ledger.instances("accepted") if row.kill_rate is not None]
        wanted = folder.info.settings.get("request", {}).get("count", 0)
        data: dict[str, Any] = {
            "run": str(run),
            "domain": folder.info.domain,
            "wanted": wanted,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "dropped": counts.dropped,
            "by_blame": counts.by_blame,
            "by_stage": counts.by_stage,
            "mean_kill_rate": sum(kill_rates) / len(kill_rates) if kill_rates else None,
            "uncovered": [list(pair) for pair, times in coverage.items() if not times],
            "calls": spent.calls,
            "tokens": spent.input_tokens + spent.output_tokens,
            "cost_usd": spent.cost_usd,
            "reasons": _reasons(ledger),
        }
    if as_json:
        print_json(data)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("domain", data["domain"])
    table.add_row("accepted", f"{counts.accepted} of {wanted}")
    table.add_row("rejected", f"{counts.rejected}{_listed(counts.by_blame)}")
    table.add_row("ended at", _listed(counts.by_stage).strip(" ()") or "-")
    if counts.dropped:
        table.add_row("dropped", f"{counts.dropped} (the model server failed; resume makes the last ones again)")
    table.add_row("kill rate", f"{data['mean_kill_rate']:.3f} on average" if kill_rates else "-")
    table.add_row("coverage", f"{len(coverage) - len(data['uncovered'])} of {len(coverage)} planned clause-tool pairs")
    table.add_row("spent", f"{spent.calls:,} calls, {data['tokens']:,} tokens, {_money(spent.cost_usd)}")
    out.print(table)
    for reason in data["reasons"]:
        out.print(escape(f"- {reason}"), highlight=False)


def verify(
    run: RunPath,
    proofs: Annotated[bool, typer.Option("--proofs", help="Also prove every accepted checker again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay every call of a run and judge every dialogue again. Exit status 1 when something does not hold."""
    folder = RunFolder.open(run)
    findings: list[Finding] = []
    dialogues = accepted = 0
    with folder.reader() as ledger:
        for item in verify_run(ledger, _domain(folder), proofs=proofs):
            if isinstance(item, Finding):
                findings.append(item)
            else:
                dialogues += item.trajectory is not None
                accepted += item.fate == "accepted"
    if as_json:
        print_json({"dialogues": dialogues, "accepted": accepted, "findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings[:_SHOWN_FINDINGS]:
            out.print(escape(f"{finding.instance}: {finding.problem}"), highlight=False)
        verdict = f"{len(findings)} things do not hold" if findings else "all hold"
        out.print(f"{dialogues} dialogues replayed and judged again, {accepted} accepted: {verdict}", highlight=False)
    if findings:
        raise typer.Exit(1)


def export(
    run: RunPath,
    formats: Annotated[
        list[str] | None, typer.Option("--format", "-f", help=f"{', '.join(FORMATS)}; repeat it. Default: all.")
    ] = None,
    view: Annotated[View, typer.Option(help="One SFT row a dialogue, or one an agent's turn.")] = View.DIALOGUE,
    dedup: Annotated[float, typer.Option(min=0.0, max=1.0, help="Similarity from which a task is a duplicate.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Write the accepted dialogues of a run as data sets, with a card, into RUN/export."""
    folder = RunFolder.open(run)
    if unknown := sorted(set(formats or ()) - set(FORMATS)):
        raise EigenGraphError(f"no format {', '.join(unknown)}; there are {', '.join(FORMATS)}")
    report = export_run(folder, formats or list(FORMATS), view=view.value, dedup_threshold=dedup)
    if as_json:
        print_json(report.to_json())
        return
    left_out = len(report.duplicates)
    out.print(f"{report.exported} dialogues into {report.folder}, {left_out} near-duplicates left out", highlight=False)
    for file, rows in report.files.items():
        out.print(f"  {file}: {rows} rows", highlight=False)


def show(
    run: RunPath,
    task: Annotated[str | None, typer.Argument(help="Instance, e.g. g0-000003. Default: the first accepted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print one dialogue with its task, its verdict and its checker's proof."""
    folder = RunFolder.open(run)
    with folder.reader() as ledger:
        row = ledger.instance(task) if task else next(ledger.instances("accepted"), None)
    if row is None:
        raise EigenGraphError(f"the run in {run} has no accepted dialogue yet: name an instance, see `status`")
    if as_json:
        print_json(row.to_json())
        return
    for line in _dialogue(row):
        out.print(line, highlight=False, soft_wrap=True)


def _dialogue(row: InstanceRow) -> Iterator[str]:
    yield f"[bold]{row.id}[/]  {row.fate}" + (f" ({row.blame}: {escape(row.reason)})" if row.blame else "")
    if row.task:
        told = row.task["user_scenario"]["instructions"]
        yield f"[dim]the user:[/] {escape(told['reason_for_call'])} {escape(told.get('known_info') or '')}\n"
    colors = {"assistant": "cyan", "user": "green", "tool": "dim"}
    for number, message in enumerate((row.trajectory or {}).get("messages", ())):
        mark = ">" if number in row.evidence else " "
        who = {"assistant": "agent", "user": "user", "tool": "  ->"}[message["role"]]
        for call in message.get("tool_calls", ()):
            text = escape(f"{call['function']['name']}({call['function']['arguments']})")
            yield f"{mark}{number:>3} [{colors[message['role']]}]{who}[/] calls {text}"
        if message["content"] and not message.get("tool_calls"):
            yield f"{mark}{number:>3} [{colors[message['role']]}]{who}[/] {escape(message['content'])}"
    for part in (row.verdict or {}).get("parts", ()):
        verdict = {True: "passed", False: "failed", None: "not judged"}[part["passed"]]
        yield f"[dim]{part['name']}: {verdict}[/] {escape(part['reason'])}"
    proof = (row.checker or {}).get("proof")
    if proof:
        yield (
            f"[dim]checker: {proof['killed']} of {proof['mutants']} mutants failed, "
            f"{proof['variants']} valid variants passed[/]"
        )


def _domain(folder: RunFolder) -> Domain:
    return load_domain(folder.info.settings.get("context", {}).get("domain") or folder.info.domain)


def _reasons(ledger: LedgerReader, most: int = 5) -> list[str]:
    """The first few reasons why instances were not accepted."""
    found = (f"{row.id} ({row.blame}): {row.reason}" for row in ledger.instances("rejected"))
    return [reason for reason, _ in zip(found, range(most), strict=False)]


def _listed(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count}' for name, count in counts.items())})" if counts else ""


def _money(usd: float | None) -> str:
    return "price unknown" if usd is None else f"${usd:.4f}"
