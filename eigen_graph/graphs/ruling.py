"""What a ruling does: a confirmed candidate becomes a generation, and the winner's fresh work enters the data set."""

from __future__ import annotations

import asyncio

from eigen_graph.graphs.contest import Contest
from eigen_graph.graphs.evolving.parents import retired
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.lineage import candidate_row
from eigen_graph.runs.lineage import GenerationRow


async def accept(contest: Contest, name: str, *, fresh: int) -> str:
    """Make a candidate a generation, and the champion unless another lineage's is better.

    Every step can be done again: a process that was killed half way through leaves nothing to be undone.

    Returns:
        What happened, in words.
    """
    ledger, chosen = contest.ledger, await candidate_row(contest.ledger, name)
    generations = await asyncio.to_thread(ledger.generations)
    known = [row for row in generations if row.candidate == name]
    number = known[0].number if known else 1 + max(row.number for row in generations)
    gain = ((chosen.confirm or {}).get(contest.settings.gate.objective) or {}).get("gain") or 0.0
    # Whether it beat the champion was settled when it was crowned, or was not.
    crowned = known[0].champion if known else await contest.duel(name, fresh)
    generation = GenerationRow(
        number=number,
        parent=contest.parent.number,
        candidate=name,
        blueprint=chosen.blueprint or {},
        digest=chosen.digest,
        why=chosen.why,
        score=(contest.parent.score or 0.0) * (1 + gain),
        champion=crowned,
    )
    reason = chosen.reason or "kept untested"
    await ledger.put(generation, chosen.model_copy(update={"fate": "accepted", "reason": reason}))
    retiring = retired(await asyncio.to_thread(ledger.generations), contest.settings.lineages)
    await ledger.put(*(row.model_copy(update={"live": False, "champion": False}) for row in retiring))
    champion = number if crowned else await asyncio.to_thread(ledger.production_generation)
    await _adopt(contest, name if crowned else f"g{champion}", fresh, number if champion is None else champion)
    beside = "" if crowned else ", beside the champion"
    return f"{name} is generation {number}{beside}: {Patch.from_json(chosen.patch)}"


async def turn_down(contest: Contest, name: str, *, fresh: int, unfinished: bool) -> str:
    """Leave everything as it is.

    Returns:
        What happened, in words.
    """
    chosen = await candidate_row(contest.ledger, name)
    reason = "the budget of the trials was spent" if unfinished else chosen.reason
    fate = "unfinished" if unfinished else "rejected"
    await contest.ledger.put(chosen.model_copy(update={"fate": fate, "reason": reason}))
    await _adopt(contest, f"g{contest.parent.number}", fresh, contest.parent.number)
    return f"{name} was not kept: {reason}"


async def _adopt(contest: Contest, arm: str, fresh: int, generation: int) -> None:
    if ids := await contest.fresh_ids(arm, fresh):
        await contest.ledger.adopt(ids, generation=generation)
