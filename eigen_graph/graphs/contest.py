"""A round's contest: candidates against their parent, first on its own seeds, then the best one on fresh ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eigen_graph.graphs.batches import Arm, Tell, made, planned, replanned, spread
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.evolving import sequential
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.gate import Comparison, compare, screen
from eigen_graph.graphs.evolving.guards import Guard, guards
from eigen_graph.graphs.evolving.outcome import Outcome
from eigen_graph.graphs.evolving.settings import EvolutionSettings
from eigen_graph.graphs.lineage import (
    arms_of,
    blueprint_of,
    candidate_arm,
    candidate_row,
    generation_arm,
    index_of,
    plans_of,
    worked,
)
from eigen_graph.graphs.trials import outcomes
from eigen_graph.models import Budget
from eigen_graph.runs import InstanceRow, Ledger, PlanRow
from eigen_graph.runs.lineage import CandidateRow, GenerationRow


def trials_are_broke(settings: EvolutionSettings, ledger: Ledger) -> bool:
    """Whether the trials of a run have cost what they may."""
    if settings.budget is None:
        return False
    bound, spent = Budget.parse(settings.budget), ledger.trial_spent()
    over_usd = bound.usd is not None and (spent.cost_usd or 0.0) >= bound.usd
    return over_usd or (bound.tokens is not None and spent.input_tokens + spent.output_tokens >= bound.tokens)


@dataclass(frozen=True)
class Contest:
    """The trials of one round."""

    ledger: Ledger
    context: Context
    """The run's own, unpatched."""
    settings: EvolutionSettings
    seed: int
    """The run's."""
    round: int
    parent: GenerationRow
    tell: Tell

    @property
    def trial(self) -> str:
        """What its rows are made for."""
        return f"r{self.round}"

    async def may_work(self, arm: str, indexes: range) -> bool:
        """Whether the trials may cost more. What an arm has begun it finishes: so a resumed run decides alike."""
        if not await asyncio.to_thread(trials_are_broke, self.settings, self.ledger):
            return True
        ids = await asyncio.to_thread(self.ledger.finished_ids, arm=arm, trial=None)
        return any(index_of(name) in indexes for name in ids)

    async def screening(self, names: Sequence[str], below: int) -> str | None:
        """Let every candidate work what its parent has worked last; the one that is to be confirmed, if any.

        Args:
            names: The candidates.
            below: Task index at which fresh seeds begin.
        """
        rows = await asyncio.to_thread(self.ledger.candidates, self.round)
        candidates = {row.name: row for row in rows if row.name in names}
        theirs = [row for row in await worked(self.ledger, arms_of(self.parent), below=below) if row.fate != "dropped"]
        seeds = theirs[-self.settings.gate.screen_size :]
        plans = await plans_of(self.ledger, seeds)
        found: dict[str, tuple[Comparison, list[Guard]]] = {}
        for name, candidate in candidates.items():
            if not await self.may_work(name, range(below)):
                await self._put(candidate, fate="unfinished", reason="the budget of the trials was spent")
                continue
            same = f"{len(plans)} tasks of generation {self.parent.number}"
            self.tell({"phase": f"round {self.round}: {name} works {same}"})
            await self._work(candidate_arm(candidate, self.context, self.trial), plans)
            done = await worked(self.ledger, [name])
            mine, other = await self._outcomes(seeds, (blueprint_of(candidate), done))
            gate = self.settings.gate
            found[name] = compare(mine, other, gate, seed=self.seed), guards(mine, other, gate, seed=self.seed)
        ranked = screen({name: comparison for name, (comparison, _) in found.items()}, self.settings.gate)
        chosen = next((name for name in ranked if not _stopped(found[name][1])), None)
        for name, (comparison, guarded) in found.items():
            reason = _screened(name, chosen, ranked, guarded)
            fate = {"fate": "proposed" if name == chosen else "rejected", "reason": reason}
            shown = {"screen": comparison.model_dump(mode="json"), "guards": [guard.model_dump() for guard in guarded]}
            await self._put(candidates[name], **fate, **shown)
        return chosen

    async def confirmation(
        self, name: str, number: int, *, fresh: int, first_plan: int, plans: int
    ) -> tuple[sequential.Ruling, int]:
        """One look of the confirmation: candidate and parent work fresh seeds, and the gate says whether it can tell.

        Args:
            name: The candidate.
            number: Index of the look.
            fresh: Task index at which the confirmation began.
            first_plan: Number of the first plan of this look.
            plans: Plans to make at most.

        Returns:
            The ruling, and how many plans were made.
        """
        gate = self.settings.gate
        candidate = await candidate_row(self.ledger, name)
        done, size = (gate.looks[number - 1] if number else 0), gate.looks[number]
        both = f"{name} and generation {self.parent.number}"
        self.tell({"phase": f"round {self.round}: {both} work {size - done} fresh tasks"})
        indexes = range(fresh + done, fresh + size)
        incumbent = generation_arm(self.parent, self.context, self.trial)
        count = min(plans, len(indexes))
        made_plans = await planned(incumbent, self.ledger, first=first_plan, count=count, seed=self.seed)
        work = spread(indexes, made_plans)
        await self._work(incumbent, work)
        if (champion := await self._other_champion()) is not None:
            await self._work(generation_arm(champion, self.context, self.trial), work)
        await self._work(candidate_arm(candidate, self.context, self.trial), work)
        comparison, guarded = await self._compared(candidate, fresh)
        ruling = sequential.look(comparison, number, gate)
        reason = f"confirmed at look {number + 1}" if ruling == "confirmed" else "not confirmed on fresh tasks"
        if stops := _stopped(guarded):
            ruling, reason = "refuted", stops
        shown = {"confirm": comparison.model_dump(mode="json"), "guards": [guard.model_dump() for guard in guarded]}
        await self._put(candidate, reason="" if ruling == "go on" else reason, **shown)
        return ruling, count

    async def duel(self, name: str, fresh: int) -> bool:
        """Whether a candidate of another lineage also beats the champion, on the fresh seeds of its confirmation."""
        champion = await self._other_champion()
        if champion is None:
            return True
        candidate = await candidate_row(self.ledger, name)
        theirs, rows = await worked(self.ledger, [f"g{champion.number}"]), await worked(self.ledger, [name])
        fresh_rows = [row for row in rows if row.index >= fresh]
        mine, other = await self._outcomes(theirs, (blueprint_of(candidate), fresh_rows), of=blueprint_of(champion))
        effect = compare(mine, other, self.settings.gate, seed=self.seed).on(self.settings.gate.objective)
        return effect.p <= self.settings.gate.level and effect.reaches(0)

    async def fresh_ids(self, arm: str, fresh: int) -> list[str]:
        """What an arm has made of this round's fresh seeds."""
        ids = await asyncio.to_thread(self.ledger.finished_ids, arm=arm, trial=None)
        return sorted(name for name in ids if index_of(name) >= fresh)

    async def _other_champion(self) -> GenerationRow | None:
        champion = await asyncio.to_thread(self.ledger.champion)
        return None if champion is None or champion.number == self.parent.number else champion

    async def _compared(self, candidate: CandidateRow, fresh: int) -> tuple[Comparison, list[Guard]]:
        """The test on the fresh seeds alone; the guards on all that both have worked, since a harm shows late."""
        gate, every = self.settings.gate, await worked(self.ledger, [candidate.name])
        theirs = await worked(self.ledger, arms_of(self.parent))
        mine, other = await self._outcomes(theirs, (blueprint_of(candidate), every))
        one, two = ([outcome for outcome in arm if outcome.seed >= fresh] for arm in (mine, other))
        return compare(one, two, gate, seed=self.seed), guards(mine, other, gate, seed=self.seed)

    async def _work(self, arm: Arm, plans: Mapping[int, PlanRow]) -> None:
        """Have an arm work some tasks; a planner of its own plans them anew, for the same targets."""
        own, parents = (one.prompt("planner") for one in (arm.context, blueprint_of(self.parent).on(self.context)))
        if own != parents:
            targets = {plan.id: plan for plan in plans.values()}.values()
            mine = {plan.index: plan for plan in await replanned(arm, self.ledger, targets)}
            plans = {index: mine[plan.index] for index, plan in plans.items()}
        await made(arm, self.ledger, plans, seed=self.seed, tell=self.tell)

    async def _outcomes(
        self,
        parents: Sequence[InstanceRow],
        other: tuple[Blueprint, Sequence[InstanceRow]],
        *,
        of: Blueprint | None = None,
    ) -> tuple[list[Outcome], list[Outcome]]:
        shared = {row.index for row in other[1]}
        mine = [row for row in parents if row.index in shared]
        arms = [(of or blueprint_of(self.parent), mine), other]
        (first, second), _ = await outcomes(arms, self.ledger, self.context)
        return first, second

    async def _put(self, candidate: CandidateRow, **changes: object) -> None:
        """Write a candidate's row with what its trials have cost so far."""
        ids = await asyncio.to_thread(self.ledger.finished_ids, arm=candidate.name, trial=None)
        costs = (await asyncio.to_thread(self.ledger.costs, ids)).values()
        usd = [cost.usd for cost in costs if cost.usd is not None]
        spent = {"tokens": sum(cost.tokens for cost in costs), "usd": sum(usd) if len(usd) == len(costs) else None}
        await self.ledger.put(candidate.model_copy(update={**changes, **spent}))


def _stopped(guarded: Sequence[Guard]) -> str:
    """Which guards stopped a patch, in words; empty when none did."""
    return "; ".join(f"guard {guard.name}: {guard.said}" for guard in guarded if guard.stopped)


def _screened(name: str, chosen: str | None, ranked: Sequence[str], guarded: Sequence[Guard]) -> str:
    if name == chosen:
        return ""
    stops = _stopped(guarded)
    if name not in ranked:
        weak = "no better than its parent, as far as the same tasks can tell"
        return f"{weak}; {stops}" if stops else weak
    return stops or f"{chosen} was the better one of its round"
