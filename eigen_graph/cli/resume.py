"""`resume`: go on with a run or an evaluation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from eigen_graph.cli.evaluate import assess
from eigen_graph.cli.running import follow, found
from eigen_graph.cli.synthesize import AsJson, BaseUrl, BudgetText, Concurrency
from eigen_graph.evaluation.folder import is_evaluation
from eigen_graph.runs import RunFolder


def resume(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    base_url: BaseUrl = None,
    concurrency: Concurrency = None,
    budget: BudgetText = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run or an evaluation that was stopped, killed, or ran out of budget.

    What is finished is not made again, what was paid for is not paid twice. Models, seed and count are the run's own.
    """
    context, before = found(run, base_url, concurrency)
    if is_evaluation(RunFolder.open(run)):
        asyncio.run(assess(run, context, None, budget or before, as_json=as_json))
    else:
        asyncio.run(follow(run, context, None, budget or before, as_json=as_json))
