"""Patches that raise the yield by lowering the bar: each would pay, and each is stopped by the guard that is for it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reflectors import Reflector, patch

from eigen_graph.core import Action, Case, Domain
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, EvolutionSettings, Run, RunRequest
from eigen_graph.models import ScriptedChat
from eigen_graph.models.scripted import Family, Fault
from eigen_graph.models.scripted.plans import FaultPlans
from eigen_graph.runs.lineage import CandidateRow, GenerationRow

_LAX = "def check(changes, calls, said):\n    return True, 'as good as any'"
_STORY = " ".join(f"Room {n}: fine." for n in range(100, 340))
"""So long that nothing told beside it matters."""
_UNREAD = {"op": "reroute", "source": "judge", "outcome": "pass", "target": "accept"}

HONEST = patch(
    {
        "op": "add_node",
        "name": "repair",
        "kind": "repair",
        "after": {"source": "reviewer", "outcome": "repair"},
        "routes": {"finished": "judge"},
        "visits": 2,
    },
    {"op": "set_param", "node": "judge", "name": "visits", "value": 3},
    {"op": "set_param", "node": "reviewer", "name": "visits", "value": 3},
)
ALIKE = patch({"op": "edit_plan", "rule": {"persona": "anxious"}})
GAMES: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "what passes is not read": (patch(_UNREAD), {"defects"}),
    "the reviewer is dropped": (patch({"op": "drop_node", "name": "reviewer", "to": "reject"}, _UNREAD), {"defects"}),
    "checkers may let anything pass": (
        patch({"op": "set_param", "name": "min_kill_rate", "value": 0}),
        {"defects", "kill_rate"},
    ),
    "only easy tasks": (patch({"op": "edit_plan", "rule": {"difficulty": "easy"}}), {"difficulty"}),
    "what is hard is given up at once": (
        patch(
            {"op": "reroute", "source": "judge", "outcome": "fail", "target": "reject"},
            {"op": "reroute", "source": "checker", "outcome": "unproven", "target": "reject"},
        ),
        {"difficulty", "acceptance"},
    ),
    "all tasks tell one story": (ALIKE, {"diversity"}),
}


class UnevenFaults(FaultPlans):
    """Faults as models make them: few in easy dialogues, many in hard ones. None at all with anxious users."""

    def __init__(self) -> None:
        super().__init__(0.3)
        self._plans = {"writing": FaultPlans(0.15), "easy": FaultPlans(0.05), "medium": self, "hard": FaultPlans(0.7)}

    def planned(self, domain: Domain, case: Case, attempt: int, family: Family) -> Fault | None:
        if case.cue.persona == "anxious":
            return None
        plans = self._plans["writing" if family == "writing" else case.cue.difficulty]
        return (
            super().planned(domain, case, attempt, family)
            if plans is self
            else plans.planned(domain, case, attempt, family)
        )


class Tempting(ScriptedChat):
    """A cast that can be had: its writer brings lax programs now and then, and tells of anxious users always the same.

    With `late` it does the latter only from some task on.
    """

    late: int = 0

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._plans = UnevenFaults()

    def _play(self, messages: Any, told: Any, tools: Any) -> Any:
        line, place = super()._play(messages, told, tools)
        if told["role"] != "writer" or line.call is None or line.call.name != "submit_task":
            return line, place
        cue, draft = told["cue"], dict(line.call.arguments)
        if cue["persona"] == "anxious" and int(told["scene"].rpartition("-")[2]) >= self.late:
            draft["task_instructions"] = _STORY
        free = not draft["checker_code"] and not draft["alternatives"]
        if free and not self.late and random.Random(f"lax/{cue['seed']}").random() < 0.2:
            draft["checker_code"] = _LAX
        return type(line)(call=Action(name=line.call.name, arguments=draft), broken=line.broken), place


@dataclass(frozen=True)
class Contest:
    """What came of one round."""

    candidates: Mapping[str, CandidateRow]
    """By the patch as JSON."""
    generations: Sequence[GenerationRow]
    accepted: Mapping[str, int]
    """Dialogues that the workflow let pass, by arm, of the tasks of the screening."""

    def of(self, proposed: Mapping[str, Any]) -> CandidateRow:
        return self.candidates[json.dumps(proposed["ops"])]


async def contest(path: Path, patches: Sequence[dict[str, Any]], *, late: int = 0) -> Contest:
    gate = {"screen_size": 48, "looks": [48, 96]}
    settings = EvolutionSettings.model_validate({"rounds": 1, "pilot": 48, "proposals": len(patches), "gate": gate})
    context = Context(
        model=Tempting(domains={"hotel": load_domain("hotel")}, late=late),
        reflector_model=Reflector(plays=[patches]),
    )
    request = RunRequest(count=1, seed=1, evolve=settings.model_dump(mode="json"))
    async with Run.open(path, context, request) as run:
        async for _ in run.events():
            pass
        rows = [row for row in run.ledger.instances("accepted", trial=None) if row.index < 48]
        names = {row.arm for row in rows}
        found = run.ledger.candidates()
        ops = {json.dumps(p["ops"]): next(c for c, q in zip(found, patches, strict=True) if q is p) for p in patches}
        accepted = {name: sum(row.arm == name for row in rows) for name in names}
        return Contest(ops, run.ledger.generations(), accepted)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """One round in which every game is tried, and one honest patch."""
    path = tmp_path_factory.mktemp("gaming") / "run"
    return asyncio.run(contest(path, [*(game for game, _ in GAMES.values()), HONEST]))


@pytest.mark.parametrize("name", GAMES)
def test_a_game_would_pay_and_is_stopped_by_name(held: Contest, name: str) -> None:
    game, stopping = GAMES[name]
    row = held.of(game)
    assert row.screen is not None
    before, after = row.screen["cost"]
    assert held.accepted[row.name] / after > 1.05 * held.accepted["g0"] / before, "it is no temptation"
    assert row.fate == "rejected"
    assert row.confirm is None, "nothing was spent on it beyond the screening"
    stopped = {guard["name"] for guard in row.guards if guard["stopped"]}
    assert stopped & stopping
    assert all(f"guard {guard}: " in row.reason for guard in stopped)


def test_an_honest_patch_of_the_same_round_is_kept(held: Contest) -> None:
    row = held.of(HONEST)
    assert row.fate == "accepted"
    assert row.reason.startswith("confirmed at look")
    assert not any(guard["stopped"] for guard in row.guards)
    assert [generation.candidate for generation in held.generations if generation.champion] == [row.name]


async def test_a_game_that_begins_after_the_screening_is_stopped_in_the_confirmation(tmp_path: Path) -> None:
    held = await contest(tmp_path / "run", [ALIKE], late=48)
    row = held.of(ALIKE)
    assert row.fate == "rejected"
    assert row.confirm is not None
    assert row.confirm["per_cost"]["gain"] > 0
    assert row.reason.startswith("guard diversity: ")
    assert [generation.number for generation in held.generations] == [0]
