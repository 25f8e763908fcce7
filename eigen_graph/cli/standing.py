"""How far an evaluation is: `status` of one."""

from __future__ import annotations

from collections import Counter

from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import money, out, print_json
from eigen_graph.evaluation.engine import outcome_of
from eigen_graph.evaluation.folder import find
from eigen_graph.runs import RunFolder


def show_standing(folder: RunFolder, *, as_json: bool) -> None:
    """Print what is known of an evaluation, also while it is under way."""
    info, wanted = find(folder.path)[2], folder.info.settings["evaluation"]["episodes"]
    with folder.reader() as ledger:
        spent = ledger.spent()
        came = Counter(outcome_of(row.status, row.verdict) for row in ledger.episodes())
    known = came.total() - came["infrastructure"]
    data = {
        "run": str(folder.path),
        "domain": info.domain,
        "split": info.split,
        "agent": info.agent,
        "user": info.user,
        "wanted": wanted,
        "played": known,
        **{name: came[name] for name in ("solved", "failed", "unjudged", "infrastructure")},
        "calls": spent.calls,
        "tokens": spent.input_tokens + spent.output_tokens,
        "cost_usd": spent.cost_usd,
    }
    if as_json:
        print_json(data)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("evaluation", Text(f"{info.domain}{f', split {info.split}' if info.split else ''}"))
    table.add_row("agent", Text(info.agent))
    table.add_row("user", Text(info.user))
    table.add_row("played", f"{known} of {wanted}")
    for name in ("solved", "failed", "unjudged"):
        if came[name]:
            table.add_row(name, str(came[name]))
    if came["infrastructure"]:
        table.add_row("broken off", f"{came['infrastructure']} (the model server failed; resume plays them again)")
    table.add_row("spent", f"{spent.calls:,} calls, {data['tokens']:,} tokens, {money(spent.cost_usd)}")
    out.print(table, highlight=False)
    if known < wanted:
        out.print(f"to go on: eigen-graph resume {folder.path}", highlight=False, soft_wrap=True)
