"""What a generation left behind: instances of a bundled domain, worked once with planted faults, and their costs."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eigen_graph.core import Domain
from eigen_graph.graphs import Context
from eigen_graph.graphs.batches import Arm, made, planned, spread
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.evidence import gather
from eigen_graph.graphs.evolving.report import Evidence
from eigen_graph.graphs.recording import begin_run, recorded
from eigen_graph.runs import InstanceRow, PlanRow

MODEL = "scripted?faults=0.3"


@dataclass(frozen=True)
class Generation:
    """Instances and all that is told of them."""

    domain: Domain
    rows: list[InstanceRow]
    plans: list[PlanRow]
    costs: dict[str, float]
    usage: list[dict[str, Any]]

    def evidence(self) -> Evidence:
        """Its report."""
        return gather(
            self.rows,
            blueprint=Blueprint(),
            domain=self.domain,
            costs=self.costs,
            usage=self.usage,
            plans=self.plans,
        )


@cache
def generation(name: str, count: int) -> Generation:
    """Instances under the default workflow. Not to be called where an event loop runs."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_worked(Context(domain=name, model=MODEL), count, Path(folder) / "run"))


async def _worked(context: Context, count: int, path: Path) -> Generation:
    async with recorded(context, begin_run(path, context, {"count": count})) as ledger:
        arm = Arm("g0", 0, context)
        plans = await planned(arm, ledger, first=0, count=32, seed=1)
        ids = await made(arm, ledger, spread(range(count), plans), seed=1, tell=lambda _: None)
        costs = {name: float(cost.tokens) for name, cost in ledger.costs(ids).items()}
        return Generation(context.resolved_domain, list(ledger.instances()), plans, costs, list(ledger.usage()))
