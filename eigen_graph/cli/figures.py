"""The figures of an evaluation, for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from eigen_graph.cli.console import money
from eigen_graph.cli.telling import grid
from eigen_graph.evaluation.results import EvaluationInfo
from eigen_graph.evaluation.summary import Floor, Summary

_RULES = {"tau2": "tau2's rules", "eigen": "our rules", "own": "the tasks' own checkers"}
_SHOWN_DIGEST = 12


def figures(info: EvaluationInfo, summary: Summary) -> Table:
    """What an evaluation came to, a line for each thing."""
    table = grid(2)
    split = f", split {info.split}" if info.split else ""
    table.add_row("domain", Text(f"{info.domain}{split}, {summary.tasks} tasks, {info.trials} trials each"))
    table.add_row("tasks", Text(f"{info.task_source} (sha1 {info.task_digest[:_SHOWN_DIGEST]})"))
    judge = f", statements by {info.judge}" if info.judge else ""
    table.add_row("judged by", Text(f"{_RULES[info.basis]}{judge}"))
    table.add_row("prompts", "the benchmark's own" if info.briefing == "benchmark" else "ours")
    table.add_row("agent", Text(info.agent))
    table.add_row("user", Text(info.user), end_section=True)
    for hat in summary.pass_hat:
        few = "" if hat.tasks == summary.tasks else f", over {hat.tasks} tasks"
        table.add_row(f"pass^{hat.k}", Text(f"{hat.value:.3f}  (95 %: {hat.low:.3f} to {hat.high:.3f}{few})"))
    if not summary.pass_hat:
        table.add_row("pass^1", "nothing was judged")
    if bounds := summary.bounds:
        table.add_row(
            "bounds",
            Text(f"pass^1 is {bounds.worst:.3f} to {bounds.best:.3f}, however the unjudged ones would come out"),
        )
    for floor in summary.floors:
        table.add_row(f"floor: {floor.name}", Text(_beside(floor)))
    table.add_row("not solved", Text(_failures(summary)))
    if lost := _unknown(summary):
        table.add_row("not known", Text(lost))
    table.add_row("spent", Text(_spent(summary)))
    return table


def _beside(floor: Floor) -> str:
    gap = floor.difference
    where = "above it" if floor.above else "below it" if gap.below else "not told apart from it"
    open_ = f"; {floor.undecided} more only a judge could tell" if floor.undecided else ""
    return f"{floor.value:.3f}{open_}; the agent is {where} ({gap.value:+.3f}, {gap.low:+.3f} to {gap.high:+.3f})"


def _failures(summary: Summary) -> str:
    if not summary.failed:
        return f"none of {summary.judged}"
    blamed = ", ".join(f"{blame} {count}" for blame, count in summary.failures_by_blame.items())
    ended = ", ".join(f"{name} {count}" for name, count in summary.failures_by_termination.items())
    return f"{summary.failed} of {summary.judged}; blame: {blamed}; ended by: {ended}"


def _unknown(summary: Summary) -> str:
    counts = {
        "unjudged": summary.unjudged,
        "broken off by the infrastructure": summary.infrastructure,
        "not played": summary.missing,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _spent(summary: Summary) -> str:
    tokens = {
        side: summary.tokens.get(f"{side}_in", 0) + summary.tokens.get(f"{side}_out", 0) for side in ("agent", "user")
    }
    unpriced = f" ({summary.unpriced} episodes without a price)" if summary.unpriced and summary.cost_usd else ""
    return f"{money(summary.cost_usd)}{unpriced}; tokens: agent {tokens['agent']:,}, user {tokens['user']:,}"
