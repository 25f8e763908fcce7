"""`status`, `verify` and `export`: look at a run that is there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from eigen_graph.checkers.contamination import RESERVED
from eigen_graph.cli.console import money, out, print_json
from eigen_graph.cli.standing import show_standing
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.evaluation.folder import is_evaluation
from eigen_graph.runs import LedgerReader, RunFolder
from eigen_graph.runs.datasets import FORMATS, PLAIN, export_run
from eigen_graph.runs.verify import Finding, verify_run

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_SHOWN_FINDINGS = 20


class View(StrEnum):
    """How `sft` cuts a dialogue into rows."""

    DIALOGUE = "dialogue"
    TURN = "turn"


def status(run: RunPath, as_json: AsJson = False) -> None:
    """Say how far a run is: accepted, rejected and why, coverage, what it cost. Of an evaluation: played and solved."""
    folder = RunFolder.open(run)
    if is_evaluation(folder):
        show_standing(folder, as_json=as_json)
        return
    with folder.reader() as ledger:
        counts, spent, coverage = ledger.counts(), ledger.spent(), ledger.coverage()
        trials, champion = ledger.trial_spent(), ledger.champion()
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
            "reserved": ledger.count_reasons(RESERVED),
            "reasons": _reasons(ledger),
            "generation": champion.number if champion else None,
            "trial_tokens": trials.input_tokens + trials.output_tokens,
        }
    if as_json:
        print_json(data)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("domain", data["domain"])
    table.add_row("accepted", f"{counts.accepted} of {wanted}")
    table.add_row("rejected", f"{counts.rejected}{_listed(counts.by_blame)}")
    table.add_row("ended at", _listed(counts.by_stage).strip(" ()") or "-")
    if data["reserved"]:
        table.add_row("reserved", f"{data['reserved']} of the rejected: too close to a task kept for testing")
    if counts.dropped:
        table.add_row("dropped", f"{counts.dropped} (the model server failed; resume makes the last ones again)")
    table.add_row("kill rate", f"{data['mean_kill_rate']:.3f} on average" if kill_rates else "-")
    table.add_row("coverage", f"{len(coverage) - len(data['uncovered'])} of {len(coverage)} planned clause-tool pairs")
    table.add_row("spent", f"{spent.calls:,} calls, {data['tokens']:,} tokens, {money(spent.cost_usd)}")
    if champion:
        table.add_row("evolution", f"generation {champion.number}; {data['trial_tokens']:,} tokens of that in trials")
    for number, reason in enumerate(data["reasons"]):
        table.add_row("" if number else "reasons", escape(reason))
    out.print(table, highlight=False)
    if counts.accepted < wanted:
        out.print(f"to go on: eigen-graph resume {run}", highlight=False, soft_wrap=True)


def verify(
    run: RunPath,
    proofs: Annotated[bool, typer.Option("--proofs", help="Also prove every accepted checker again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay every call of a run and judge every dialogue again.

    Nothing that was recorded is trusted. Exit status 1 when something does not hold.
    """
    folder = _synthesized(run)
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
        if len(findings) > _SHOWN_FINDINGS:
            out.print(f"... and {len(findings) - _SHOWN_FINDINGS} more: --json gives all")
        verdict = _many(len(findings), "problem") if findings else "all hold"
        out.print(f"{dialogues} dialogues replayed and judged again, {accepted} accepted: {verdict}", highlight=False)
    if findings:
        raise typer.Exit(1)


def export(  # noqa: PLR0917  # one parameter an option is how Typer works
    run: RunPath,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="What to write; may be given more than once. Default: "
            f"{', '.join(PLAIN)}. `all` writes every one:\n\n"
            + "\n\n".join(f"{name}: {kind.about}." for name, kind in FORMATS.items()),
        ),
    ] = None,
    view: Annotated[
        View, typer.Option(help="What one row of sft and user_sft is: a dialogue, or a turn of its speaker.")
    ] = View.DIALOGUE,
    dedup: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Leave a task out that is as similar as this to an earlier one (0 to 1); above 1, only one that is "
            "the same.",
        ),
    ] = 0.9,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to. Default: RUN/export.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the accepted dialogues of a run as data sets, with a card."""
    folder = _synthesized(run)
    if not dedup > 0:  # also refuses NaN
        raise EigenGraphError(f"--dedup must be above 0, not {dedup:g}: at 0, every task is like every other")
    report = export_run(
        folder, formats or list(PLAIN), out=to, domain=_domain(folder), view=view.value, dedup_threshold=dedup
    )
    if as_json:
        print_json(report.to_json())
        return
    exact = sum(duplicate.kind == "exact" for duplicate in report.duplicates)
    near = len(report.duplicates) - exact
    left_out = f"; left out {_many(exact, 'duplicate')}, {_many(near, 'near-duplicate')}" if report.duplicates else ""
    if report.overlap and report.overlap.left_out:
        left_out += f"; left out {_many(len(report.overlap.left_out), 'dialogue')} too close to a reserved task"
    out.print(f"{_many(report.exported, 'dialogue')} into {report.folder}{left_out}", highlight=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2, 0, 0))
    for file, rows in report.files.items():
        table.add_row(f"  {file}", _many(rows, "row"))
    out.print(table, highlight=False)


def _synthesized(run: Path) -> RunFolder:
    folder = RunFolder.open(run)
    if is_evaluation(folder):
        raise EigenGraphError(
            f"{run} is an evaluation, which made no data set: `eigen-graph judge {run / 'results.json'}` judges its "
            f"episodes again"
        )
    return folder


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _domain(folder: RunFolder) -> Domain:
    return load_domain(folder.info.settings.get("context", {}).get("domain") or folder.info.domain)


def _reasons(ledger: LedgerReader, most: int = 5) -> list[str]:
    """The first few reasons why instances were not accepted."""
    found = (f"{row.id} ({row.blame}): {row.reason}" for row in ledger.instances("rejected"))
    return [reason for reason, _ in zip(found, range(most), strict=False)]


def _listed(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count}' for name, count in counts.items())})" if counts else ""
