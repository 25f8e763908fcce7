"""A round's proposals: from what a generation made to patches that can be tried."""

from __future__ import annotations

import asyncio

from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolving.evidence import gather
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.lineage import arms_of, blueprint_of, plans_of, worked
from eigen_graph.graphs.reflector import reflector
from eigen_graph.graphs.trials import priced
from eigen_graph.runs import Ledger
from eigen_graph.runs.lineage import CandidateRow, GenerationRow, RoundRow


async def propose(
    number: int, parent: GenerationRow, ledger: Ledger, context: Context, settings: EvolutionSettings
) -> None:
    """Have a round's patches proposed; valid or not, they are in the ledger when this returns.

    Args:
        number: Of the round.
        parent: The generation that is reflected upon.
        ledger: Has what it made, and all that was proposed before.
        context: The run's own.
        settings: How many patches, how many tries.
    """
    blueprint = blueprint_of(parent)
    rows = await worked(ledger, arms_of(parent))
    plans = await plans_of(ledger, rows)
    costs, unit = await priced([row.id for row in rows], ledger)
    evidence = gather(
        rows,
        blueprint=blueprint,
        domain=context.resolved_domain,
        costs=costs,
        unit=unit,
        usage=await asyncio.to_thread(lambda: [use for use in ledger.usage() if use["instance"] in costs]),
        plans=list(plans.values()),
    ).to_json()
    before, generations = await asyncio.to_thread(lambda: (ledger.candidates(), ledger.generations()))
    on = {row.number: row.digest for row in generations}
    done = await reflector.ainvoke(
        {
            "evidence": evidence,
            "blueprint": blueprint.to_json(),
            "history": [
                {
                    "round": row.round,
                    "on": on[row.parent],
                    "patch": row.patch,
                    "fate": row.fate,
                    "reason": row.reason,
                }
                for row in before
            ],
            "tried": [*(row.digest for row in generations), *(row.digest for row in before if row.digest)],
            "count": settings.proposals,
            "tries": settings.tries,
            "round": number,
            "name": f"reflect-r{number}",
        },
        context=context,
    )
    first = 1 + max((int(row.name[1:]) for row in before), default=0)
    found = [
        CandidateRow(
            name=f"c{first + place}",
            round=number,
            parent=parent.number,
            patch=proposal["patch"],
            why=proposal["patch"].get("why", ""),
            digest=proposal["digest"],
            blueprint=proposal["blueprint"],
        )
        for place, proposal in enumerate(done["proposals"])
    ]
    refused = [
        CandidateRow(
            name=f"c{first + len(found) + place}",
            round=number,
            parent=parent.number,
            patch=refusal["patch"] if isinstance(refusal["patch"], dict) else {"said": refusal["patch"]},
            fate="refused",
            reason=refusal["reason"],
        )
        for place, refusal in enumerate(done["refused"])
    ]
    asked = {"evidence": evidence, "proposals": len(found), "asked": done["asked"]}
    await ledger.put(RoundRow(number=number, parent=parent.number, **asked), *found, *refused)
