"""A model that does what its prompt says: evolution finds the missing rule, and keeps nothing that only sounds good."""

from __future__ import annotations

import asyncio
import difflib
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openai_server import OpenAIServer
from pydantic import PrivateAttr

from eigen_graph.core import Case, Cue, Domain
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Blueprint, Context, EvolutionSettings, Run, RunRequest
from eigen_graph.graphs.prompting import bundled
from eigen_graph.models import ScriptedChat
from eigen_graph.models.scripted import Family, Fault, planned_faults
from eigen_graph.models.scripted.part import Line, block
from eigen_graph.models.scripted.plans import FaultPlans
from eigen_graph.runs import LedgerReader, RunFolder
from eigen_graph.runs.lineage import CandidateRow

RULE = "- Say every result the user came for in plain words, with its amounts, dates and numbers."
DECOY = "- Read each id back to the user once more before you use it, and thank them for their patience."
ELSEWHERE = "- Ask the agent for every result you came for, with its amounts, dates and numbers."
WITHOUT = bundled("agent").to_text().replace(f"{RULE}\n", "")
_FORGETFUL = 0.75


class ForgottenResults(FaultPlans):
    """Of four dialogues, three end without a word on what came of it."""

    def planned(self, domain: Domain, case: Case, attempt: int, family: Family) -> Fault | None:
        if family != "dialogue" or random.Random(f"{case.cue.seed}/{attempt}").random() >= _FORGETFUL:
            return None
        return _forgetting(domain.name, case.cue, attempt)


@cache
def _forgetting(domain: str, cue: Cue, attempt: int) -> Fault | None:
    """The fault that leaves out a fact, if the case has one to leave out."""
    known = load_domain(domain)
    assert known.playbook is not None
    draws = (planned_faults(known, known.playbook.case(known, cue), 1.0, attempt + 100 * n) for n in range(20))
    return next((fault for fault in draws if fault and fault.kind == "unreported_fact"), None)


class RuleBound(ScriptedChat):
    """A cast that goes by its case, save that its agent says what came of it only where its prompt has it do so.

    Its reflector reads the evidence: where agents are blamed for what they did not say it has three rules, and proposes
    the next two that the history does not hold.
    """

    _sound: FaultPlans = PrivateAttr(default_factory=lambda: FaultPlans(0))
    _forgetful: FaultPlans = PrivateAttr(default_factory=lambda: ForgottenResults(1))

    def _play(self, messages: Any, told: Any, tools: Any) -> Any:
        if told["role"] == "reflector":
            return Line(answer=_reflection(messages)), "reflector"
        told_to = "every result" in messages[0].text.lower()
        self._plans = self._forgetful if told["role"] == "agent" and not told_to else self._sound
        return super()._play(messages, told, tools)


def _reflection(messages: Any) -> dict[str, Any]:
    groups, history, prompts = (block(messages, name) for name in ("evidence", "history", "prompts"))
    reasons = [
        example["reason"] for group in groups["groups"] if group["blame"] == "agent" for example in group["examples"]
    ]
    if not any("does not say" in reason for reason in reasons):
        return {"diagnosis": "nothing is left out", "patches": []}
    tried = {op["text"] for entry in history for op in entry["ops"]}
    rules = [
        (role, text) for role, text in (("agent", DECOY), ("user", ELSEWHERE), ("agent", RULE)) if text not in tried
    ]
    assert not any(text in prompts[role]["system"]["Contract"] for role, text in rules)
    return {"diagnosis": "agents leave out what came of it", "patches": [rule(*found) for found in rules[:2]]}


def rule(role: str, text: str) -> dict[str, Any]:
    """A patch that states a rule."""
    add = {"op": "edit_prompt", "prompt": role, "section": "Contract", "mode": "append", "text": text}
    return {"why": "agents leave out what came of it", "ops": [add]}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerReader]:
    """Of a run whose agent was given a prompt that lacks the rule."""
    path = tmp_path_factory.mktemp("rules") / "run"
    asyncio.run(evolve(path))
    with RunFolder.open(path).reader() as reader:
        yield reader


async def evolve(path: Path) -> None:
    gate = {"screen_size": 24, "looks": [16, 32]}
    settings = EvolutionSettings.model_validate({"rounds": 3, "pilot": 24, "proposals": 2, "tries": 1, "gate": gate})
    request = RunRequest(count=1, seed=2, evolve=settings.model_dump(mode="json"))
    with OpenAIServer(RuleBound(domains={"hotel": load_domain("hotel")})) as server:
        context = Context(model="openai:scripted?send_case=true", base_url=server.url, prompts={"agent": WITHOUT})
        async with Run.open(path, context, request) as run:
            async for _ in run.events():
                pass


def test_the_missing_rule_is_found_and_kept(ledger: LedgerReader) -> None:
    row = candidate(ledger, RULE)
    champion = ledger.champion()
    assert champion is not None
    assert (row.round, row.fate) == (2, "accepted")
    assert champion.candidate == row.name
    assert row.confirm is not None
    assert row.confirm["acceptance"]["candidate"] == 1 > row.confirm["acceptance"]["parent"] + 0.2


@pytest.mark.parametrize("text", [DECOY, ELSEWHERE])
def test_what_only_sounds_good_is_not(ledger: LedgerReader, text: str) -> None:
    row = candidate(ledger, text)
    assert (row.round, row.fate) == (1, "rejected")
    assert row.reason.startswith("no better than its parent")
    assert row.screen is not None
    assert row.screen["accepted"][0] == row.screen["accepted"][1]
    assert row.confirm is None


def test_the_prompts_differ_by_the_rule_alone(ledger: LedgerReader) -> None:
    before, after = (Blueprint.from_json(row.blueprint) for row in ledger.generations())
    assert before.prompts == {"agent": WITHOUT}
    assert (after.workflow, after.plans, after.settings) == (before.workflow, before.plans, before.settings)
    assert after.prompts.keys() == before.prompts.keys()
    one, other = (blueprint.prompts["agent"].splitlines() for blueprint in (before, after))
    changed = [line for line in difflib.ndiff(one, other) if not line.startswith("  ")]
    assert changed == [f"+ {RULE}"]
    published = ledger.path.parent / "workflow" / "prompts" / "agent.md"
    assert published.read_text().splitlines() == other


def test_what_is_produced_from_then_on_is_better(ledger: LedgerReader) -> None:
    first, second, last = ledger.rounds()
    assert first.evidence == second.evidence, "the same generation, reflected upon once more"
    assert first.evidence["accepted"] < first.evidence["tried"]
    assert first.evidence["redone"]
    assert last.evidence["accepted"] == last.evidence["tried"]
    assert not last.evidence["redone"]
    assert [row.ended for row in (first, last)] == [
        "no candidate was better",
        "the reflector proposed nothing that can be used",
    ]


def candidate(ledger: LedgerReader, text: str) -> CandidateRow:
    return next(row for row in ledger.candidates() if row.patch["ops"][0]["text"] == text)
