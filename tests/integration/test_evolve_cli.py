"""`evolve log|show|rollback` and `synthesize --workflow`: what a person reads of an evolution, and takes back."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from command import refused, run
from ledger_rows import Call, plan, row
from typer.testing import CliRunner

from eigen_graph.cli.evolve import DEFAULT, DefaultGroup
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.gate import Comparison, Effect
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.lineage import publish
from eigen_graph.graphs.rollback import roll_back
from eigen_graph.runs import CandidateRow, GenerationRow, Ledger, NoteRow, RoundRow, RunFolder

TWICE = Patch.from_json(
    {
        "why": "Repairs that come too late are lost.",
        "ops": [{"op": "set_param", "node": "reviewer", "name": "visits", "value": 3}],
    }
)
MENDED = Patch.from_json(
    {
        "why": "Most of a dialogue comes before its first fault.",
        "ops": [
            {
                "op": "add_node",
                "name": "repair",
                "kind": "repair",
                "after": {"source": "reviewer", "outcome": "repair"},
                "routes": {"finished": "judge"},
            },
            {"op": "set_param", "node": "judge", "name": "visits", "value": 3},
        ],
    }
)
WORDED = Patch.from_json(
    {
        "why": "The agent tells no amounts.",
        "ops": [
            {
                "op": "edit_prompt",
                "prompt": "agent",
                "section": "Contract",
                "mode": "append",
                "text": "- Say every amount twice.",
            },
            {"op": "edit_plan", "rule": {"match": {"clause": "2"}, "synthesis": "Let an amount matter."}},
            {"op": "set_param", "name": "max_steps", "value": 60},
        ],
    }
)
ZERO = Blueprint()
ONE = MENDED.apply(ZERO)
TWO = WORDED.apply(ONE)


def comparison(gain: float, p: float, pairs: int = 96) -> dict[str, Any]:
    effect = Effect(parent=2e-5, candidate=2e-5 * (1 + gain), gain=gain, interval=(gain - 0.1, None), p=p)
    share = Effect(parent=0.5, candidate=0.5 + gain / 2, gain=gain, interval=(0.0, 2 * gain), p=p)
    return Comparison(
        pairs=pairs, unpaired=0, accepted=(40, 50), cost=(2e6, 2.1e6), per_cost=effect, acceptance=share
    ).model_dump(mode="json")


def candidate(name: str, round_: int, patch: Patch, parent: Blueprint, **fields: Any) -> CandidateRow:
    made = patch.apply(parent)
    known = {"why": patch.why, "digest": made.digest, "blueprint": made.to_json(), "tokens": 1_234_567}
    return CandidateRow(name=name, round=round_, patch=patch.to_json(), **{"parent": round_ - 1, **known, **fields})


def generation(number: int, blueprint: Blueprint, **fields: Any) -> GenerationRow:
    return GenerationRow(number=number, blueprint=blueprint.to_json(), digest=blueprint.digest, **fields)


GUARD = {"name": "kill_rate", "stopped": True, "said": "kill rate: 99.0% -> 80.0%, 19.0 points less: stopped"}
LINEAGE = [
    generation(0, ZERO, why="what the run began with"),
    RoundRow(number=1, parent=0, proposals=2, asked=1, ended="c2 is generation 1: ..."),
    candidate(
        "c1",
        1,
        TWICE,
        ZERO,
        fate="rejected",
        reason=f"guard kill_rate: {GUARD['said']}",
        screen=comparison(0.021, 0.04),
        guards=[GUARD],
    ),
    candidate(
        "c2",
        1,
        MENDED,
        ZERO,
        fate="accepted",
        reason="confirmed at look 2",
        screen=comparison(0.2, 0.001),
        confirm=comparison(0.18, 0.002, pairs=128),
    ),
    CandidateRow(
        name="c3", round=1, parent=0, patch={"said": "nonsense"}, fate="refused", reason="ops: Field required"
    ),
    generation(1, ONE, parent=0, candidate="c2", why=MENDED.why, score=1.18),
    RoundRow(number=2, parent=1, proposals=1, asked=1, ended="c4 is generation 2: ..."),
    candidate(
        "c4", 2, WORDED, ONE, fate="accepted", reason="confirmed at look 1", confirm=comparison(0.07, 0.01, pairs=64)
    ),
    generation(2, TWO, parent=1, candidate="c4", why=WORDED.why, score=1.26, champion=True),
    NoteRow(seq=0, at="2026-01-02T03:04:05+00:00", kind="ended", data={"why": "all rounds are done", "generation": 2}),
]


def with_ledger(path: Path, work: Callable[[Ledger], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        async with RunFolder.open(path).ledger() as ledger:
            return await work(ledger)

    return asyncio.run(opened())


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose engine evolved twice, as the engine leaves it."""
    folder = RunFolder.create(tmp_path_factory.mktemp("evolved") / "run", {"domain": "hotel"}, domain="hotel")

    async def fill(ledger: Ledger) -> None:
        await ledger.put(*LINEAGE)
        await ledger.add_plans([plan(index) for index in range(10)])
        for index in range(10):
            await ledger.record(Call(key=f"k{index}", scene=f"g0-{index:06d}", input_tokens=9_000, output_tokens=1_000))
            await ledger.add_instance(row(index, fate="accepted" if index < 6 else "rejected"))
        publish(ledger)

    with_ledger(folder.path, fill)
    return folder.path


@pytest.fixture
def copy(evolved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(evolved, tmp_path / "copy"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that did not evolve."""
    path = tmp_path_factory.mktemp("plain") / "run"
    run("synthesize", "hotel", "--count", 1, "--out", path)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_log_tells_it_on_one_screen(evolved: Path) -> None:
    told = run("evolve", "log", evolved).out
    lines = told.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert len(lines) <= 45
    flat = " ".join(told.split())
    # 6 of 10, for 100,000 tokens; Wilson's interval of 6/10 is 31% to 83%.
    assert re.search(r"^0 +6/10 +60% \(31%-83%\) +60 +-", told, re.MULTILINE)
    # A generation that has made nothing for the data set is known by its confirmation: 50 of 128 for 2.1M tokens.
    assert re.search(r"^1 +0 +50/128 +39% \(31%-48%\) +23.8 +\+18.0% \(\+8.0% to unbounded\)", told, re.MULTILINE)
    assert re.search(r"^2\* +1 +50/64 ", told, re.MULTILINE)
    assert "round 1, on generation 0: c2 is generation 1" in flat
    assert "c1 rejected set reviewer.visits to 3 96 same tasks +2.1% (-7.9% to unbounded, p 0.04)" in flat
    assert "guard kill_rate: kill rate: 99.0% -> 80.0%" in flat
    assert "c2 accepted add repair node 'repair' after reviewer.repair (finished to judge); set judge.visits" in flat
    assert "128 fresh tasks +18.0% (+8.0% to unbounded, p 0.002); 1,234,567 tokens confirmed at look 2" in flat
    assert "why: Most of a dialogue comes before its first fault." in flat
    assert "c3 refused no patch that can be read ops: Field required" in flat
    assert "evolution ended: all rounds are done" in flat
    assert lines[-1] == f"production uses generation 2 (* above): {evolved}/workflow"


def test_the_log_for_machines(evolved: Path) -> None:
    data = run("evolve", "log", evolved, "--json").json
    assert data["production"] == 2
    assert [one["number"] for one in data["generations"]] == [0, 1, 2]
    first = data["generations"][0]
    assert (first["accepted"], first["tried"], first["acceptance"]) == (6, 10, 0.6)
    assert first["interval"] == pytest.approx([0.3127, 0.8318], abs=1e-4)
    assert first["per_million_tokens"] == pytest.approx(60)
    tried = {one["name"]: one for round_ in data["rounds"] for one in round_["candidates"]}
    assert {name: one["fate"] for name, one in tried.items()} == {
        "c1": "rejected",
        "c2": "accepted",
        "c3": "refused",
        "c4": "accepted",
    }
    assert tried["c2"]["confirm"]["pairs"] == 128
    assert tried["c1"]["in_words"] == "set reviewer.visits to 3"
    assert data["notes"][0]["kind"] == "ended"


def test_the_log_of_a_gate_that_went_by_acceptance(copy: Path) -> None:
    session = {"evolve": {"gate": {"objective": "acceptance"}}}
    note = NoteRow(seq=1, at="2026-01-02T03:04:06+00:00", kind="session", data=session)
    with_ledger(copy, lambda ledger: ledger.put(note))
    told = run("evolve", "log", copy).out
    flat = " ".join(told.split())
    assert "128 fresh tasks +18.0% (+0.0% to +36.0%, p 0.002)" in flat
    assert f"\nevolution is not over: eigen-graph evolve {copy} goes on\n" in told


def test_show_tells_why_and_what_changed(evolved: Path) -> None:
    told = run("evolve", "show", evolved, 2).out
    flat = " ".join(told.split())
    assert "generation 2, c4 of generation 1; production uses it" in flat
    assert "why The agent tells no amounts." in flat
    assert "same tasks not tried" in flat
    assert "fresh tasks 64 tasks: accepted 50.0% -> 53.5% (p 0.01)" in flat
    assert "gate accepted, confirmed at look 1" in flat
    assert f"\nfolder       {evolved}/generations/2\n" in told
    assert "\n--- a/prompts/agent.md\n+++ b/prompts/agent.md\n" in told
    assert "\n+- Say every amount twice.\n" in told
    assert "+ plans of clause 2: the writer is also told 'Let an amount matter.'" in told
    assert "max_steps: the run's own to 60" in told
    assert "plan rules in force" in told
    assert "flowchart TD" in told
    assert "linkStyle" not in told, "its workflow is its parent's"
    repaired = run("evolve", "show", evolved, 1).out
    assert '  reviewer -->|"repair"| repair\n' in repaired
    assert '  reviewer -.->|"repair"| dialogue\n' in repaired
    assert "class repair added" in repaired
    assert '"judge<br/>visits 2 to 3"' in repaired


def test_show_of_where_the_run_began(evolved: Path) -> None:
    told = run("evolve", "show", evolved, 0).out
    assert "what the run began with" in told
    assert "since the bundled engine\nas they were" in told


def test_show_for_machines(evolved: Path) -> None:
    data = run("evolve", "show", evolved, 1, "--json").json
    assert data["candidate"] == "c2"
    assert Patch.from_json(data["patch"]) == MENDED
    assert data["test"]["confirm"]["pairs"] == 128
    assert data["diff"] == ""
    assert data["mermaid"].startswith("flowchart TD\n")
    assert Blueprint.read(Path(data["folder"])) == ONE


@pytest.mark.parametrize("number", [0, 1])
def test_rollback_restores_every_byte(copy: Path, number: int) -> None:
    before = files(copy / "generations")
    assert files(copy / "workflow") == files(copy / "generations/2")
    told = run("evolve", "rollback", copy, number).out
    assert f"production uses generation {number} again, instead of generation 2" in told
    assert files(copy / "generations") == before
    assert files(copy / "workflow") == files(copy / f"generations/{number}")
    assert Blueprint.read(copy / "workflow") == (ZERO, ONE)[number]
    with RunFolder.open(copy).reader() as ledger:
        assert ledger.production_generation() == number
        assert [one.number for one in ledger.generations() if one.live] == [*range(number + 1)]
        note = ledger.notes()[-1]
    assert (note.kind, note.data) == ("rollback", {"from": 2, "to": number})
    assert f"rolled back from generation 2 to {number}" in " ".join(run("evolve", "log", copy).out.split())
    run("evolve", "rollback", copy, 2)
    assert files(copy / "workflow") == files(copy / "generations/2")


def test_rollback_to_what_is_there_only_writes_the_folder(copy: Path) -> None:
    (copy / "workflow/workflow.json").write_text("spoilt")
    (copy / "workflow/prompts/extra.md").write_text("spoilt")
    assert "production uses generation 2 already" in run("evolve", "rollback", copy, 2).out
    assert files(copy / "workflow") == files(copy / "generations/2")
    with RunFolder.open(copy).reader() as ledger:
        assert len(ledger.notes()) == 1


def test_rollback_leaves_other_lineages_alive(copy: Path) -> None:
    other = generation(3, TWICE.apply(ZERO), parent=0)

    async def work(ledger: Ledger) -> list[int]:
        await ledger.put(other)
        await roll_back(ledger, 1)
        return [one.number for one in ledger.generations() if one.live]

    assert with_ledger(copy, work) == [0, 1, 3]


def test_rollback_of_a_run_that_is_being_written(copy: Path) -> None:
    before = files(copy / "workflow")

    async def work(_: Ledger) -> None:
        await asyncio.to_thread(refused, "evolve", "rollback", copy, 0, saying=("is being written by another process",))

    with_ledger(copy, work)
    assert files(copy / "workflow") == before


@pytest.mark.parametrize("command", ["show", "rollback"])
def test_an_unknown_generation(evolved: Path, command: str) -> None:
    refused("evolve", command, evolved, 7, saying=("no generation 7", "there are 0, 1, 2"))
    refused("evolve", command, evolved, "two", saying=("'GEN'", f"eigen-graph evolve {command} --help"))


@pytest.mark.parametrize("arguments", [("log",), ("show", 0), ("rollback", 0)])
def test_a_run_that_did_not_evolve(plain: Path, arguments: tuple[Any, ...]) -> None:
    command, *rest = arguments
    refused("evolve", command, plain, *rest, saying=("has not evolved", "synthesize --evolve"))
    assert not (plain / "workflow").exists()


def test_no_run_there(tmp_path: Path) -> None:
    refused("evolve", "log", tmp_path, saying=("no run.json",))
    refused("evolve", "log", saying=("Missing argument",))


def test_the_group_explains_itself() -> None:
    told = run("evolve", "--help").out
    assert "eigen-graph evolve RUN" in told
    for name in ("log", "show", "rollback"):
        assert re.search(rf"^│ {name} +[A-Z]", told, re.MULTILINE)


def test_the_first_argument_is_a_run_unless_it_is_a_command() -> None:
    app, seen = typer.Typer(cls=DefaultGroup), list[tuple[str, str, int]]()
    app.command(DEFAULT)(lambda run, rounds=0: seen.append(("run", run, rounds)))
    app.command("log")(lambda run: seen.append(("log", run, 0)))
    for arguments in (["a", "--rounds", "3"], ["--rounds", "3", "a"], ["run"], ["log", "a"], ["./log"]):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    assert seen == [("run", "a", 3), ("run", "a", 3), ("run", "run", 0), ("log", "a", 0), ("run", "./log", 0)]
    assert "log" in CliRunner().invoke(app, ["--help"]).output


def test_a_test_of_another_version_is_named(copy: Path) -> None:
    spoilt = LINEAGE[3].model_copy(update={"confirm": {"pairs": "many"}})
    with_ledger(copy, lambda ledger: ledger.put(spoilt))
    refused("evolve", "log", copy, saying=("the test of c2 cannot be read: pairs",))


@pytest.mark.parametrize("domain", ["hotel", "broadband"])
def test_a_workflow_is_taken_to_a_new_run(evolved: Path, tmp_path: Path, domain: str) -> None:
    path = tmp_path / "run"
    given = ("--workflow", evolved / "workflow", "--model", "scripted?faults=0.3", "--seed", 3, "--out", path)
    run("synthesize", domain, "--count", 6, *given)
    kept = json.loads((path / "run.json").read_text())["settings"]["context"]
    assert kept["max_steps"] == 60
    assert "- Say every amount twice." in kept["prompts"]["agent"]
    assert [rule["match"]["clause"] for rule in kept["plans"]] == ["2"]
    with RunFolder.open(path).reader() as ledger:
        rows = list(ledger.instances())
    assert {one.workflow for one in rows} == {TWO.workflow.digest}
    assert all("- Say every amount twice." in one.agent_system for one in rows if one.agent_system)


def test_a_run_with_a_workflow_of_its_own_is_resumed_with_it(evolved: Path, tmp_path: Path) -> None:
    path, whole = tmp_path / "run", tmp_path / "whole"
    given = ("--workflow", evolved / "workflow", "--model", "scripted?faults=0.3", "--seed", 4, "--count", 12)
    run("synthesize", "hotel", *given, "--out", whole)
    run("synthesize", "hotel", *given, "--out", path, "--budget", "0.2Mtokens", expect=3)
    run("resume", path, "--budget", "900Mtokens")
    with RunFolder.open(path).reader() as one, RunFolder.open(whole).reader() as other:
        assert [found.comparable() for found in one.instances()] == [found.comparable() for found in other.instances()]
        assert {found.workflow for found in one.instances()} == {TWO.workflow.digest}


def test_a_workflow_that_is_none(tmp_path: Path, evolved: Path) -> None:
    out = tmp_path / "run"
    for folder, words in ((tmp_path, "no workflow.json"), (tmp_path / "nowhere", "no workflow.json"), (evolved, "no")):
        refused("synthesize", "hotel", "--workflow", folder, "--out", out, saying=(str(folder), words))
    spoilt = Path(shutil.copytree(evolved / "workflow", tmp_path / "spoilt"))
    (spoilt / "prompts/agent.md").write_text("# system\n\n## Role\n\nBe brief.\n")
    refused("synthesize", "hotel", "--workflow", spoilt, "--out", out, saying=("{{now}}, {{policy}} must stay",))
    assert not out.exists()
