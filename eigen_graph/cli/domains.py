"""`domains list|show|check|new|draft`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from eigen_graph.cli import domains_draft, domains_new
from eigen_graph.cli.console import help_of, out, print_json
from eigen_graph.domains import domain_names, load_domain
from eigen_graph.domains.check import SEVERITIES, Severity, check_domain
from eigen_graph.graphs.wording import tool_list

app = typer.Typer(help="List, show and check domains, and begin one of your own.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="DOMAIN", help="hotel, broadband, your own folder or domain.yaml, package.module:attr, file.py:attr."
    ),
]
_COLORS: dict[Severity, str] = {"error": "red", "warning": "yellow", "hint": "cyan"}
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list")
def list_domains(as_json: AsJson = False) -> None:
    """List the domains that are installed."""
    found = domain_names()
    if as_json:
        print_json(found)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, title in found.items():
        table.add_row(name, title)
    out.print(table)


@app.command("show")
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a domain: its tables, tools, intents and policy."""
    domain = load_domain(name)
    sides = [("agent", domain.agent)] + ([("user", domain.user)] if domain.user else [])
    tables = {who: {table: len(rows) for table, rows in side.database.items()} for who, side in sides}
    intents = {i.name: i.ending for i in domain.playbook.intents.values()} if domain.playbook else {}
    if as_json:
        print_json(
            {
                "name": domain.name,
                "title": domain.title,
                "tables": tables,
                "tools": {who: [tool.name for tool in side.tools] for who, side in sides},
                "intents": intents,
                "clauses": domain.policy.clauses,
            }
        )
        return
    out.print(f"[bold]{domain.name}[/]: {escape(domain.title)}", highlight=False)
    for who, rows in tables.items():
        out.print(f"{who} database: " + ", ".join(f"{count} {table}" for table, count in rows.items()), highlight=False)
    out.print(escape(tool_list(domain)), highlight=False)
    if intents:
        out.print(
            "intents: " + ", ".join(f"{intent} ({ending})" for intent, ending in intents.items()), highlight=False
        )
    out.print(escape(domain.policy.text), highlight=False)


def check(name: Name, as_json: AsJson = False) -> None:
    """Check that a domain's tools, policy, records and playbook agree, and say what to mend.

    An error makes tasks that cannot be trusted, a warning fewer or duller ones; a hint says what to do next. Exit
    status 1 when there is an error.
    """
    findings = check_domain(load_domain(name))
    counts = Counter(finding.severity for finding in findings)
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        table = Table.grid(padding=(0, 2, 0, 0))
        for finding in findings:
            table.add_row(
                f"[{_COLORS[finding.severity]}]{finding.severity}[/]", escape(f"{finding.where}: {finding.what}")
            )
            label = "next" if finding.severity == "hint" else "mend"
            table.add_row("", f"[dim]{label}:[/] {escape(finding.mend)}")
        if findings:
            out.print(table, highlight=False)
        out.print(f"{name}: {_summary(counts, name)}", highlight=False, soft_wrap=True)
    if counts["error"]:
        raise typer.Exit(1)


def _summary(counts: Counter[Severity], name: str) -> str:
    told = ", ".join(f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in SEVERITIES if counts[kind])
    if counts["error"]:
        return f"{told}; mend the errors first, some hide others"
    if counts["warning"]:
        return f"no errors, {told}"
    return f"all agrees{f', {told}' if told else ''}; try `eigen-graph synthesize {name}`"


for command in (check, domains_new.new, domains_draft.draft):
    app.command(command.__name__, help=help_of(command))(command)
