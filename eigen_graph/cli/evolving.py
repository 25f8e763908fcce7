"""The options of evolution, which `synthesize --evolve` and `evolve` share."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import EvolutionSettings
from eigen_graph.graphs.evolving.blueprint import said
from eigen_graph.graphs.evolving.gate import GateSettings

PANEL = "Evolution"
_DEFAULT = EvolutionSettings()


def _option(text: str, metavar: str = "N", **more: Any) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel=PANEL, **more)


Rounds = Annotated[int, _option("Times of reflecting and testing at most.", min=0)]
Proposals = Annotated[int, _option("Patches that are tried in a round at most.", min=1, max=16)]
Patience = Annotated[int, _option("Rounds in a row without a kept patch after which it ends.", min=1)]
Pilot = Annotated[int, _option("Tasks that a generation works before it is reflected upon.", min=8)]
Lineages = Annotated[int, _option("Generations that may be patched further at a time.", min=1, max=16)]
TrialBudget = Annotated[
    str | None, _option("What trials may cost in all: $5 or 2Mtokens.", "AMOUNT", show_default="as --budget")
]
Level = Annotated[float, _option("Chance per round of keeping a patch that does not help.", "P", min=0.0001, max=0.5)]
MinEffect = Annotated[float, _option("Least gain worth keeping, relative.", "SHARE", min=0)]
Looks = Annotated[str, _option("Fresh tasks after which a confirmation may stop.", "N,N,...")]
Objective = Annotated[str, _option("What must rise: per_cost or acceptance.", "WHAT")]

ROUNDS, PROPOSALS, PATIENCE = _DEFAULT.rounds, _DEFAULT.proposals, _DEFAULT.patience
PILOT, LINEAGES = _DEFAULT.pilot, _DEFAULT.lineages
LEVEL, MIN_EFFECT, OBJECTIVE = _DEFAULT.gate.level, _DEFAULT.gate.min_effect, _DEFAULT.gate.objective
LOOKS = ",".join(map(str, _DEFAULT.gate.looks))


def settings(
    *, budget: str | None, level: float, min_effect: float, looks: str, objective: str, **rest: Any
) -> EvolutionSettings:
    """Evolution's settings from the options.

    Raises:
        EigenGraphError: They do not go together.
    """
    try:
        gate = {"level": level, "min_effect": min_effect, "looks": looks.split(","), "objective": objective}
        return EvolutionSettings(budget=budget, gate=GateSettings.model_validate(gate), **rest)
    except ValidationError as error:
        raise EigenGraphError(f"evolution's options: {said(error)}") from error
