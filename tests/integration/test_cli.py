"""The commands on good days: what they print, for people and for machines, and what their exit status says."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from command import refused, run

from eigen_graph.runs import InstanceRow, RunFolder

COMMANDS = [
    (),
    *((name,) for name in ("synthesize", "resume", "status", "show", "verify", "export", "evolve", "serve", "domains")),
    *(("domains", name) for name in ("list", "show", "check", "new", "draft")),
    *(("evolve", name) for name in ("RUN", "log", "show", "rollback")),
]
INN = """
'''An inn, which is the hotel under another name.'''
from dataclasses import replace
from eigen_graph.domains.hotel import domain as hotel
def domain():
    return replace(hotel(), name="inn", title="An inn")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by models that err, so that something was rejected."""
    path = tmp_path_factory.mktemp("cli") / "made"
    done = run("synthesize", "hotel", "--count", 12, "--model", "scripted?faults=0.4", "--seed", 5, "--out", path)
    assert f"12 accepted dialogues in {path}" in done.out
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The run again, to be tampered with."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def rows(path: Path) -> list[InstanceRow]:
    with RunFolder.open(path).reader() as ledger:
        return list(ledger.instances())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_explains_every_option_within_80_columns(command: tuple[str, ...]) -> None:
    told = run(*command, "--help").out
    assert f"Usage: {' '.join(('eigen-graph', *command))} " in told
    assert max(map(len, told.splitlines())) <= 80
    entries = re.findall(r"^│ (?:\*)? *(--[\w-]+|[A-Z]{2,}) (.*?)│$", told, re.MULTILINE)
    assert entries
    for name, rest in entries:
        assert re.search(r"[a-z]{3,}", re.sub(r"<.*?>|\[.*?\]", "", rest)), f"{name} is not explained"


def test_no_command_gives_the_help_once() -> None:
    for command in ((), ("domains",)):
        told = run(*command, expect=2)
        assert (told.out + told.err).count("Usage:") == 1


def test_version() -> None:
    assert re.fullmatch(r"eigen-graph \d+\.\d+\.\d+\S*\n", run("--version").out)


def test_domains_list() -> None:
    assert set(run("domains", "list", "--json").json) >= {"hotel", "broadband"}
    assert re.search(r"^hotel +\w+", run("domains", "list").out, re.MULTILINE)


def test_domains_show() -> None:
    data = run("domains", "show", "broadband", "--json").json
    assert data["name"] == "broadband"
    assert data["tables"]["agent"]
    assert data["tables"]["user"]
    assert len(data["tools"]["user"]) >= 10
    assert len(data["intents"]) >= 10
    told = run("domains", "show", "broadband").out
    assert all(name in told for name in data["tools"]["user"])


def test_domains_check_of_a_sound_domain() -> None:
    assert run("domains", "check", "hotel", "--json").json == []
    assert run("domains", "check", "hotel").out.startswith("hotel: all agrees")


def test_domains_check_says_what_to_mend(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(
        "from typing import Annotated\n"
        "from langgraph.prebuilt import ToolRuntime\n"
        "from eigen_graph.core import Database, Domain, Policy, Record, Side, World, domain_tool\n"
        "class Loan(Record):\n    loan_id: str\n    days: int\n"
        "@domain_tool(writes=False)\n"
        "def look_up(loan_id: str, runtime: ToolRuntime[World]) -> str:\n"
        "    '''Look a loan up.\n\n    Args:\n        loan_id: Its number.\n    '''\n"
        "    return str(runtime.context.db['loans'].update(loan_id, days=0))\n"
        "loans = {f'L{n}': Loan(loan_id=f'L{n}', days=n) for n in range(1, 9)}\n"
        "database = Database({'loans': Loan}, {'loans': loans})\n"
        "policy = Policy('1. Use `look_up`, never `lend`.')\n"
        "domain = Domain(name='first', policy=policy, agent=Side(database, (look_up,)))\n"
    )
    done = run("domains", "check", "first.py", expect=1, cwd=tmp_path)
    assert "error    agent tool look_up: changed the database although it only reads" in done.out
    assert "mend: " in done.out
    assert "warning  playbook: there is none" in done.out
    findings = run("domains", "check", "first.py", "--json", expect=1, cwd=tmp_path).json
    assert {finding["severity"] for finding in findings} == {"error", "warning"}
    assert all(finding["mend"] for finding in findings)


def test_synthesize_prints_one_json_document_and_nothing_else(tmp_path: Path) -> None:
    done = run("synthesize", "hotel", "--count", 2, "--out", tmp_path / "run", "--json")
    assert done.err == ""
    assert done.json["accepted"] >= 2
    assert done.json["wanted"] == 2


def test_a_run_names_its_own_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        done = run("synthesize", "hotel", "--count", 1, cwd=tmp_path)
        assert f"run folder: runs/hotel-{number}" in done.err
        assert run("status", f"runs/hotel-{number}", "--json", cwd=tmp_path).json["accepted"] >= 1


def test_too_few_accepted_is_status_1(tmp_path: Path) -> None:
    arguments = ("--count", 9, "--max-tries", 3, "--model", "scripted?faults=1", "--out", tmp_path / "run")
    done = run("synthesize", "hotel", *arguments, expect=1)
    assert "fewer than asked for after 3 tries" in done.err
    assert "eigen-graph status" in done.err


def test_plain_progress_ends_with_a_line(tmp_path: Path) -> None:
    done = run("synthesize", "hotel", "--count", 4, "--out", tmp_path / "run")
    assert re.match(r"accepted \d+ of 4; .*[\d,]+ tokens", done.err.splitlines()[-1])
    assert "\x1b" not in done.err + done.out


def test_status(made: Path) -> None:
    data = run("status", made, "--json").json
    assert data["accepted"] >= data["wanted"] == 12
    assert data["rejected"] == sum(data["by_blame"].values()) == len(data["reasons"])
    told = run("status", made).out
    assert re.search(r"^accepted +12 of 12", told, re.MULTILINE)
    assert all(blame in told for blame in data["by_blame"])
    assert data["reasons"][0].split()[0] in told


def test_show_fits_80_columns_and_tells_all(made: Path) -> None:
    told = run("show", made).out
    assert max(map(len, told.splitlines())) <= 80
    first = next(row for row in rows(made) if row.fate == "accepted")
    assert told.startswith(f"{first.id}  accepted")
    for name in ("wants", "expects", "agent", "user", "calls", "result", "state", "reviewer", "checker"):
        assert name in told
    assert run("show", made, first.id).out == told
    assert run("show", made, "--json").json == first.to_json()


def test_show_marks_the_evidence_and_prints_long_results_on_request(made: Path) -> None:
    row = next(row for row in rows(made) if row.evidence and row.trajectory)
    assert row.trajectory is not None
    told = run("show", made, row.id).out
    assert {int(number) for number in re.findall(r"^> +(\d+) ", told, re.MULTILINE)} == set(row.evidence)
    assert f"rejected ({row.blame}: " in told
    longest = max((m["content"] or "" for m in row.trajectory["messages"] if m["role"] == "tool"), key=len)
    ending = longest[-25:].replace(" ", "")
    assert ending not in re.sub(r"\s", "", told)
    assert ending in re.sub(r"\s", "", run("show", made, row.id, "--full").out)


def test_show_of_an_unknown_instance(made: Path) -> None:
    refused("show", made, "g0-999999", saying=("g0-999999", "g0-000000 to g0-0000"))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("sft", {"sft.jsonl", "sft.parquet"}),
        ("user_sft", {"user_sft.jsonl", "user_sft.parquet"}),
        ("rl", {"rl.jsonl"}),
        ("tau2", {"tasks.json"}),
    ],
)
def test_export_of_one_format(made: Path, tmp_path: Path, name: str, files: set[str]) -> None:
    report = run("export", made, "--format", name, "--out", tmp_path / "data", "--json").json
    assert set(report["files"]) == files
    assert {file.name for file in (tmp_path / "data").iterdir()} == {*files, "README.md"}
    assert set(report["files"].values()) == {report["exported"]}


def test_export_of_turns_and_all_formats(made: Path, tmp_path: Path) -> None:
    report = run("export", made, "--view", "turn", "--out", tmp_path / "data", "--json").json
    assert len(report["files"]) == 6
    assert report["files"]["sft.jsonl"] > report["exported"]
    assert report["files"]["rl.jsonl"] == report["exported"]
    example = json.loads((tmp_path / "data" / "sft.jsonl").read_text().splitlines()[0])
    assert example["messages"]
    assert example["tools"]


def test_export_tells_duplicates_from_near_ones(made: Path, tmp_path: Path) -> None:
    few = run("export", made, "-f", "rl", "--dedup", "0.2", "--out", tmp_path / "few")
    assert re.search(r"left out \d+ duplicates?, [1-9]\d* near-duplicates?", few.out)
    report = run("export", made, "-f", "rl", "--dedup", "1.5", "--out", tmp_path / "all", "--json").json
    assert all(duplicate["kind"] == "exact" for duplicate in report["duplicates"])


@pytest.mark.parametrize("share", ["0", "-1", "nan"])
def test_export_with_a_senseless_share(made: Path, tmp_path: Path, share: str) -> None:
    refused("export", made, f"--dedup={share}", "--out", tmp_path / "data", saying=("--dedup", "above 0"))
    assert not (tmp_path / "data").exists()


def test_export_of_an_unknown_format(made: Path) -> None:
    refused("export", made, "-f", "csv", saying=("csv", "sft, user_sft, rl, tau2"))


def test_verify_of_an_honest_run(made: Path) -> None:
    assert run("verify", made).out.endswith("12 accepted: all hold\n")
    found = run("verify", made, "--proofs", "--json").json
    assert found["findings"] == []


def change_result(row: InstanceRow) -> tuple[str, object]:
    assert row.trajectory is not None
    message = next(m for m in row.trajectory["messages"] if m["role"] == "tool")
    message["content"] = message["content"].replace("1", "7")
    return "trajectory", json.dumps(row.trajectory)


def change_verdict(row: InstanceRow) -> tuple[str, object]:
    assert row.verdict is not None
    row.verdict["parts"][0]["passed"] = False
    return "verdict", json.dumps(row.verdict)


def change_reward(row: InstanceRow) -> tuple[str, object]:
    assert row.verdict is not None
    return "verdict", json.dumps({**row.verdict, "reward": 0.0})


def drop_write(row: InstanceRow) -> tuple[str, object]:
    assert row.trajectory is not None
    messages = row.trajectory["messages"]
    return "trajectory", json.dumps({**row.trajectory, "messages": messages[:3]})


def drop_proof(row: InstanceRow) -> tuple[str, object]:
    assert row.checker is not None
    return "checker", json.dumps({**row.checker, "proof": None})


def drop_verdict_parts(_: InstanceRow) -> tuple[str, object]:
    return "verdict", json.dumps({"reward": 1.0})


def reject(_: InstanceRow) -> tuple[str, object]:
    return "fate", "rejected"


@pytest.mark.parametrize(
    "tamper", [change_result, change_verdict, change_reward, drop_write, drop_proof, drop_verdict_parts, reject]
)
def test_verify_finds_what_was_tampered_with(copy: Path, tamper: Callable[[InstanceRow], tuple[str, object]]) -> None:
    row = next(row for row in rows(copy) if row.fate == "accepted")
    column, value = tamper(row)
    with sqlite3.connect(copy / "ledger.sqlite") as db:
        db.execute(f"update instances set {column} = ? where id = ?", (value, row.id))  # noqa: S608  # three constants
    db.close()
    found = run("verify", copy, "--json", expect=1).json
    assert {finding["instance"] for finding in found["findings"]} == {row.id}


def test_verify_finds_a_rejected_dialogue_that_was_passed_off_as_accepted(copy: Path) -> None:
    row = next(row for row in rows(copy) if row.fate == "rejected" and row.verdict and row.verdict["reward"] == 0)
    with sqlite3.connect(copy / "ledger.sqlite") as db:
        db.execute("update instances set fate = 'accepted' where id = ?", (row.id,))
    db.close()
    found = run("verify", copy, "--json", expect=1).json
    assert any(row.id == finding["instance"] and "judged 0" in finding["problem"] for finding in found["findings"])
    told = run("verify", copy, expect=1).out
    assert row.id in told
    assert told.endswith(": 1 problem\n")


def test_a_damaged_row_is_named(copy: Path) -> None:
    with sqlite3.connect(copy / "ledger.sqlite") as db:
        db.execute("update instances set task = '{\"half\": ' where id = 'g0-000001'")
    db.close()
    for command in (("verify", copy), ("show", copy, "g0-000001"), ("export", copy)):
        refused(*command, saying=("damaged", "g0-000001"))


def test_a_domain_of_ones_own_from_any_folder(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "inn.py").write_text(INN)
    run("synthesize", "inn.py:domain", "--count", 2, "--out", "run", cwd=home)
    assert run("status", "../home/run", "--json", cwd=elsewhere).json["domain"] == "inn"
    assert "all hold" in run("verify", "../home/run", cwd=elsewhere).out
    run("export", home / "run", "-f", "rl", cwd=elsewhere)
    assert json.loads((home / "run/export/rl.jsonl").read_text().splitlines()[0])["domain"] == "inn"
    before = rows(home / "run")
    run("resume", home / "run", cwd=elsewhere)
    assert rows(home / "run") == before
