"""A synthesis run: its section of the page, its rows of the listing, its dialogues."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from eigen_graph.report.coverage import cells, clauses, covered
from eigen_graph.report.data import Dialogue, Figure, RunSection, Spending
from eigen_graph.report.dialogues import Material, Setting, dialogue_of, unreadable
from eigen_graph.report.episodes import DAMAGED
from eigen_graph.report.funnel import Funnel
from eigen_graph.report.generations import Lineage, candidates_of, generations_of, workflow_of
from eigen_graph.report.listing import RUN, UNREADABLE, Rows
from eigen_graph.report.proofs import Proofs
from eigen_graph.report.settings import Settings
from eigen_graph.report.tell import Tell, every
from eigen_graph.report.words import counted, money
from eigen_graph.runs import InstanceRow, LedgerReader, PlanRow, RunFolder

_FEW = 30
"""Accepted dialogues below which shares say little."""


class RunSource:
    """A run to be reported on. The ledger is read in two passes: figures first, dialogues when they are written.

    Args:
        folder: The run's.
        settings: Loads its domain.
        tell: Gets lines for people.
    """

    def __init__(self, folder: RunFolder, settings: Settings, tell: Tell) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.figures: list[Figure] = []
        self._settings, self._tell = settings, tell
        self._names: list[str] = []

    @cached_property
    def setting(self) -> Setting:
        """Where its dialogues are run again."""
        info = self.folder.info
        return self._settings(info.domain, info.database)

    @property
    def subtitle(self) -> str:
        """What was asked for, in words."""
        asked, context = self._asked, self.folder.info.settings.get("context") or {}
        parts = [f"domain {self.folder.info.domain}", f"model {context.get('model') or 'unknown'}"]
        parts += [f"seed {asked['seed']}"] if "seed" in asked else []
        return ", ".join([*parts, f"begun {self.folder.info.created[:16].replace('T', ' ')} UTC"])

    def section(self, rows: Rows) -> RunSection:
        """Read the run once, adding its dialogues to a listing.

        Raises:
            EigenGraphError: There is no ledger, or its lineage cannot be read.
        """
        funnel, proofs, accepted = Funnel(), Proofs(), set[str]()
        with self.folder.reader() as ledger:
            plans = {plan.id: _slim(plan) for plan in ledger.plans()}
            self._names = sorted(ledger.finished_ids())
            for name in every(self._names, "counting dialogues", self._tell):
                row = _row(ledger, name)
                if not isinstance(row, InstanceRow):
                    funnel.add_unreadable(name)
                    rows.add(id=name, source=RUN, fate=UNREADABLE)
                    continue
                funnel.add(row)
                proofs.add(row)
                rows.add_instance(row, plans.get(row.plan_id))
                if row.fate == "accepted":
                    accepted.add(row.id)
            funnel.add_plans(plans)
            lineage = Lineage.of(self.folder, ledger, accepted)
            spending = spent(ledger)
            coverage = cells(ledger)
            self.figures = [*self._counted(ledger), *proofs.figures(), covered(coverage), self._spent(ledger, lineage)]
        if damaged := funnel.ended[0, UNREADABLE]:
            self.notes.append(f"{counted(damaged, 'row')} of the ledger cannot be read.")
        if proofs.survived > len(proofs.survivors):
            self.notes.append(f"{len(proofs.survivors)} of {proofs.survived} surviving mutants are listed.")
        return RunSection(
            funnel=funnel.steps(),
            reasons=funnel.listed(),
            clauses=clauses(coverage, self.setting.domain),
            coverage=coverage,
            kills=proofs.kills(),
            kill_rates=tuple(proofs.rates),
            survivors=tuple(proofs.survivors),
            generations=generations_of(lineage),
            candidates=candidates_of(lineage),
            spending=spending,
            workflow=None if lineage.generations else workflow_of(self.folder),
        )

    def dialogues(self) -> Iterator[Dialogue]:
        """The dialogues in the order of the listing, one after another; `section` comes first."""
        with self.folder.reader() as ledger:
            titles = {plan.id: plan.title for plan in ledger.plans()}
            for name in every(self._names, "writing dialogues", self._tell):
                row = _row(ledger, name)
                if isinstance(row, InstanceRow):
                    yield dialogue_of(Material.of(row, titles.get(row.plan_id, "")), self.setting)
                else:
                    yield unreadable(name, UNREADABLE, row)

    @property
    def _asked(self) -> dict[str, Any]:
        asked = self.folder.info.settings.get("request")
        return asked if isinstance(asked, dict) else {}

    def _counted(self, ledger: LedgerReader) -> Iterator[Figure]:
        """Accepted dialogues and their share; notes where they are few."""
        from scipy.stats import binomtest  # noqa: PLC0415  # SciPy takes most of a second

        counts, wanted = ledger.counts(), self._asked.get("count")
        asked = f"of {wanted:,} asked for" if isinstance(wanted, int) else ""
        if isinstance(wanted, int) and counts.accepted > wanted:
            asked = f"{wanted:,} asked for; the others were made to test patches"
        yield Figure(label="accepted", value=f"{counts.accepted:,}", note=asked)
        if isinstance(wanted, int) and counts.accepted < wanted:
            self.notes.append(
                f"The run is not finished: {counts.accepted} of {wanted} dialogues; "
                f"eigen-graph resume {self.folder.path} goes on."
            )
        elif counts.accepted < _FEW:
            self.notes.append(f"Only {counted(counts.accepted, 'dialogue')}: shares and coverage say little yet.")
        if tried := counts.accepted + counts.rejected:
            low, high = binomtest(counts.accepted, tried).proportion_ci(0.95, method="wilson")
            yield Figure(
                label="accepted of those tried",
                value=f"{counts.accepted / tried:.0%}",
                note=f"95 %: {low:.0%} to {high:.0%}, of {tried:,}",
            )
        if counts.dropped:
            self.notes.append(f"{counted(counts.dropped, 'instance')} dropped: the model server failed.")

    def _spent(self, ledger: LedgerReader, lineage: Lineage) -> Figure:
        spent = ledger.spent()
        tokens = spent.input_tokens + spent.output_tokens
        parts = [counted(spent.calls, "call"), money(spent.cost_usd)]
        if lineage.generations:
            trials = ledger.trial_spent()
            parts.append(f"{trials.input_tokens + trials.output_tokens:,} tokens in trials")
        if spent.calls and spent.cost_usd is None:
            self.notes.append("No call has a price: costs are counted in tokens.")
        elif spent.unpriced_calls:
            self.notes.append(f"{counted(spent.unpriced_calls, 'call')} without a price are not in the costs.")
        return Figure(label="tokens", value=f"{tokens:,}", note=", ".join(parts))


def spent(ledger: LedgerReader) -> tuple[Spending, ...]:
    """What each role's models cost."""
    return tuple(
        Spending(
            role=row["role"],
            model=row["model"],
            calls=int(row["calls"]),
            input_tokens=int(row["input_tokens"]),
            output_tokens=int(row["output_tokens"]),
            usd=row["cost_usd"],
        )
        for row in ledger.spent_by_model()
    )


def _row(ledger: LedgerReader, name: str) -> InstanceRow | Exception:
    """A row, or why it cannot be read: one that is damaged must not hide the others."""
    try:
        return ledger.instance(name)
    except DAMAGED as error:
        return error


def _slim(plan: PlanRow) -> PlanRow:
    """A plan without its long texts: all of a run's are kept in memory."""
    return plan.model_copy(update={"synthesis": "", "evaluation": ""})
