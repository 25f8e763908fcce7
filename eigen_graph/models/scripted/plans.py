"""The fault plans of one scripted model, each worked out once."""

from __future__ import annotations

import random

from eigen_graph.core import Case, Domain
from eigen_graph.models.scripted.faults import Family, Fault, planned_faults

_MAX_PLANS = 1024


class FaultPlans:
    """Faults at one rate; every call of a dialogue asks for the same plan."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._known: dict[tuple[int, int, int, Family], tuple[Case, Fault | None]] = {}

    def planned(self, domain: Domain, case: Case, attempt: int, family: Family) -> Fault | None:
        """The fault of one scene and attempt."""
        if self.rate <= 0:
            return None
        key = (id(domain), id(case), attempt, family)
        if key not in self._known:
            if len(self._known) >= _MAX_PLANS:
                self._known.clear()
            # The case is kept beside its plan, so that its id stays its own.
            self._known[key] = case, planned_faults(domain, case, self.rate, attempt, family)
        return self._known[key][1]

    def slips(self, role: str, scene: str, attempt: int, rate: float) -> bool:
        """Whether a role that answers in JSON breaks off in this scene and attempt."""
        return rate > 0 and random.Random(f"slip/{role}/{scene}/{attempt}").random() < rate
