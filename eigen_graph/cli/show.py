"""`show`: one dialogue, readable in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import out, print_json
from eigen_graph.cli.runs import AsJson, RunPath
from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.engine import outcome_of
from eigen_graph.evaluation.folder import is_evaluation
from eigen_graph.runs import InstanceRow, RunFolder

_COLORS = {"agent": "cyan", "user": "green", "result": "dim"}
_MOST = 320
"""Characters of a tool's result that are shown unless all are asked for: about four lines."""


def show(
    run: RunPath,
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Which one, e.g. g0-000003. Default: the first accepted; of an evaluation: the first that failed.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print long tool results whole.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print one dialogue with its task, its verdict and its checker's proof.

    A `>` marks the messages that show why it was rejected.
    """
    folder = RunFolder.open(run)
    if is_evaluation(folder):
        _show_episode(folder, task, None if full else _MOST, as_json=as_json)
        return
    with folder.reader() as ledger:
        row = ledger.instance(task) if task else next(ledger.instances("accepted"), None)
    if row is None:
        raise EigenGraphError(f"the run in {run} has no accepted dialogue yet: name another by its id, see `status`")
    if as_json:
        print_json(row.to_json())
        return
    why = f"{row.blame}: {row.reason}" if row.blame else ""
    out.print(f"[bold]{row.id}[/]  {row.fate}" + (f" ({escape(why)})" if why else ""), highlight=False)
    if row.task:
        out.print(_task(row.task))
    messages = (row.trajectory or {}).get("messages", ())
    if messages:
        out.print(_dialogue(messages, set(row.evidence), None if full else _MOST))
    out.print(_judged(row))


def _show_episode(folder: RunFolder, name: str | None, most: int | None, *, as_json: bool) -> None:
    """As `show`, of an evaluation."""
    with folder.reader() as ledger:
        if name:
            row = ledger.episode(name)
        else:
            rows = (row for row in ledger.episodes() if outcome_of(row.status, row.verdict) != "solved")
            found = next(rows, None) or next(ledger.episodes(), None)
            if found is None:
                raise EigenGraphError(f"the evaluation in {folder.path} has played nothing yet")
            row = found
    if as_json:
        print_json(row.to_json())
        return
    verdict = row.verdict or {}
    why = ": ".join(filter(None, (verdict.get("blame"), verdict.get("reason") or row.reason)))
    told = f"{row.id}  {outcome_of(row.status, row.verdict)}" + (f" ({why})" if why else "")
    out.print(Text(told), Text(f"task {row.task_id}, trial {row.trial}, seed {row.seed}"), sep="\n", soft_wrap=True)
    out.print(_dialogue((row.trajectory or {}).get("messages") or [], set(), most))
    out.print(_parts(verdict, _grid("dim")))


def _grid(*styles: str) -> Table:
    """Columns without lines, the last of which wraps within itself."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for style in styles:
        table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _task(task: dict[str, Any]) -> Table:
    told = task["user_scenario"]["instructions"]
    table = _grid("dim")
    if isinstance(told, str):
        table.add_row("wants", Text(told), end_section=True)
    else:
        table.add_row("wants", Text(told.get("reason_for_call") or ""))
        table.add_row("knows", Text(told.get("known_info") or "nothing"))
    tags = task.get("eigen") or {}
    aim = [f"clause {', '.join(tags['clauses'])}"] if tags.get("clauses") else []
    aim += [tags[name] for name in ("difficulty", "persona") if tags.get(name)]
    if aim:
        table.add_row("tests", Text(", ".join(aim)))
    for action in (task.get("evaluation_criteria") or {}).get("actions") or ():
        who = "" if action.get("requestor", "assistant") == "assistant" else "the user: "
        table.add_row("expects", Text(f"{who}{_call(action['name'], action.get('arguments') or {})}"))
    table.add_row("", "")
    return table


def _dialogue(messages: list[dict[str, Any]], evidence: set[int], most: int | None) -> Table:
    table = _grid("bold red", "dim", "")
    for number, message in enumerate(messages):
        mark, role = (">" if number in evidence else " "), message["role"]
        who = {"assistant": "agent", "tool": "result"}.get(role, role)
        for line in _lines(message, most):
            table.add_row(mark, f"{number:>2}", Text(who, _COLORS[who]), line)
            mark = " "
    return table


def _lines(message: dict[str, Any], most: int | None) -> Iterator[Text]:
    content = message.get("content") or ""
    calls = message.get("tool_calls") or ()
    if message["role"] == "tool":
        cut = content if most is None or len(content) <= most else f"{content[:most]}…"
        more = f" ({len(content):,} characters, see --full)" if cut != content else ""
        yield Text(cut, "dim").append(more, "dim italic")
        return
    if content or not calls:
        yield Text(content)
    for call in calls:
        yield Text(f"calls {_call(call['function']['name'], call['function']['arguments'])}", "yellow")


def _call(name: str, arguments: str | dict[str, Any]) -> str:
    """A call as Python would write it; arguments that are no object stay as they came."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return f"{name}({arguments})"
    if not isinstance(arguments, dict):
        return f"{name}({json.dumps(arguments, ensure_ascii=False)})"
    return f"{name}({', '.join(f'{key}={json.dumps(value, ensure_ascii=False)}' for key, value in arguments.items())})"


def _parts(verdict: dict[str, Any], table: Table) -> Table:
    for part in verdict.get("parts", ()):
        passed = {True: "passed", False: "failed", None: "not judged"}[part["passed"]]
        table.add_row(part["name"], Text(": ".join(filter(None, (passed, part["reason"])))))
    return table


def _judged(row: InstanceRow) -> Table:
    table = _grid("dim")
    table.add_row("", "")
    _parts(row.verdict or {}, table)
    if row.review:
        table.add_row("reviewer", Text(": ".join(filter(None, (row.review["decision"], row.review["reason"])))))
    proof = (row.checker or {}).get("proof")
    if proof:
        table.add_row(
            "checker",
            f"fails {proof['killed']} of {proof['mutants']} mutants, passes {proof['variants']} valid variants",
        )
    for number, attempt in enumerate(row.attempts, 1):
        table.add_row(f"attempt {number}", Text(f"done over ({attempt.blame}: {attempt.reason})"))
    return table
