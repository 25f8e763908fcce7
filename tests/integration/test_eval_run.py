"""Evaluations from a shell: killed, stopped, without a server, gone on with; nothing lost, nothing doubled."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command import refused, run, snapshot, start
from openai_server import OpenAIServer, Serve

from eigen_graph.domains import load_domain
from eigen_graph.evaluation import Results
from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

ORDER = ("eval", "broadband", "--tasks", 10, "--trials", 4)
FAULTS = ("--agent", "scripted?faults=0.5", "--user", "scripted?faults=0.3")
SERVED = ("--agent", "openai:scripted?send_case=true", "--user", "openai:scripted?send_case=true", "--concurrency", 4)


def scripted(**options: Any) -> ScriptedChat:
    return ScriptedChat(domains={"broadband": load_domain("broadband")}, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the order comes to when nothing happens."""
    path = tmp_path_factory.mktemp("whole") / "run"
    run(*ORDER, *FAULTS, "--out", path)
    return path


def episodes(path: Path) -> list[dict[str, Any]]:
    with RunFolder.open(path).reader() as ledger:
        return [row.comparable() for row in ledger.episodes()]


def played(path: Path) -> int:
    """Episodes so far, 0 while the folder is being made."""
    try:
        with RunFolder.open(path).reader() as ledger:
            return len(ledger.episode_ids())
    except Exception:  # noqa: BLE001  # it may be half made when we look
        return 0


def wait_for(count: int, path: Path, process: subprocess.Popen[str]) -> None:
    while played(path) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def test_help_explains_every_option_within_80_columns() -> None:
    told = run("eval", "--help").out
    assert "Usage: eigen-graph eval [OPTIONS]" in told
    assert max(map(len, told.splitlines())) <= 80
    entries = re.findall(r"^│ (?:\*)? *(--[\w-]+|[A-Z]{2,}) (.*?)│$", told, re.MULTILINE)
    assert len(entries) >= 18
    for name, rest in entries:
        assert re.search(r"[a-z]{3,}", re.sub(r"<.*?>|\[.*?\]", "", rest)), f"{name} is not explained"


def test_figures_for_people_and_for_machines(whole: Path) -> None:
    told = run("resume", whole).out  # nothing is left to do
    results = Results.load(whole / "results.json")
    assert results.summary
    hats = results.summary["pass_hat"]
    assert [hat["k"] for hat in hats] == [1, 2, 3, 4]
    for hat in hats:
        assert f"pass^{hat['k']}" in told
        assert f"{hat['value']:.3f}  (95 %: {hat['low']:.3f} to {hat['high']:.3f})" in told
    assert re.search(r"floor: no-op +0\.\d{3}; the agent is above it", told)
    assert "blame: agent" in told
    assert "$0.00" in told
    again = run("resume", whole, "--json").json
    assert again["pass_hat"] == hats
    assert again["results"] == str(whole / "results.json")
    assert again["info"]["task_digest"] == results.info.task_digest
    assert run("judge", whole / "results.json", "--json").json["counts"] == {"equal": 40}
    status = run("status", whole, "--json").json
    assert (status["wanted"], status["played"]) == (40, 40)
    assert status["solved"] == 40 - results.summary["failed"]
    assert "played      40 of 40" in run("status", whole).out
    failed = next(row for row in episodes(whole) if row["verdict"]["reward"] < 1)
    assert run("show", whole, failed["id"]).out == run("show", whole).out
    assert f"task {failed['task_id']}, trial {failed['trial']}" in run("show", whole).out
    for command in ("verify", "export"):
        refused(command, whole, saying=("is an evaluation", "eigen-graph judge"))


def test_twelve_kills_leave_what_an_uninterrupted_evaluation_leaves(whole: Path, tmp_path: Path) -> None:
    path, rng, kills = tmp_path / "killed", random.Random(3), 0
    process = start(*ORDER, *FAULTS, "--concurrency", 3, "--out", path)
    for threshold in sorted(rng.sample(range(1, 36), 12)):
        while process.poll() is None and played(path) < threshold:
            time.sleep(0.002)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        process = start("resume", path)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    assert kills >= 6
    assert snapshot(path) == snapshot(whole)
    ours, theirs = (Results.load(folder / "results.json").summary for folder in (path, whole))
    assert ours
    assert theirs
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_nothing_is_paid_for_twice(serve: Serve, tmp_path: Path) -> None:
    server, path = serve(scripted(), latency=0.01), tmp_path / "run"
    process = start(*ORDER, *SERVED, "--base-url", server.url, "--out", path)
    for threshold in (4, 15):
        wait_for(threshold, path, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = start("resume", path)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    assert len(episodes(path)) == 40
    with RunFolder.open(path).reader() as ledger:
        paid = ledger.spent().calls
    assert paid <= sum(server.answered.values()) <= paid + 2 * 4  # what was under way at a kill
    assert server.last_body["seed"] in {626729, 373753, 361454, 1567}


def test_one_signal_lets_what_is_in_work_finish(serve: Serve, tmp_path: Path) -> None:
    server, path = serve(scripted(), latency=0.02), tmp_path / "run"
    process = start(*ORDER, *SERVED, "--base-url", server.url, "--out", path)
    wait_for(3, path, process)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert "what is in work is finished first" in told
    assert told.splitlines()[-1].endswith(f"stopped; what is finished is kept: eigen-graph resume {path}")
    assert 3 <= len(episodes(path)) < 40
    assert f"to go on: eigen-graph resume {path}" in run("status", path, env={"COLUMNS": "200"}).out
    server.latency = 0
    run("resume", path)
    assert len(episodes(path)) == 40


def test_a_spent_budget_and_a_larger_one(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    told = run(*ORDER, *FAULTS, "--budget", "100ktokens", "--out", path, expect=3).err
    assert "the budget of 100,000 tokens is spent" in told
    assert f"(eigen-graph resume {path})" in told
    run("resume", path, "--budget", "500Mtokens")
    assert snapshot(path) == snapshot(whole)


def test_a_server_that_nobody_answers_at(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        refused(*ORDER, *SERVED, "--base-url", url, saying=(f"no server answers at {url}",), cwd=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    path, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    with OpenAIServer(scripted(), latency=0.01) as server:
        url = server.url
        process = start(*ORDER, *SERVED, "--base-url", url, "--out", path)
        wait_for(3, path, process)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 3, told
    assert "calls in a row failed" in told.splitlines()[-1]
    assert run("status", path, "--json").json["played"] < 40
    with OpenAIServer(scripted(), port=int(url.split(":")[2].removesuffix("/v1"))) as server:
        run("resume", path)
        run(*ORDER, *SERVED, "--base-url", url, "--out", undisturbed)
    assert episodes(path) == episodes(undisturbed)


def test_lost_episodes_are_told_and_played_again(serve: Serve, tmp_path: Path) -> None:
    server, path = serve(scripted(), latency=0.02), tmp_path / "run"
    order = ("eval", "broadband", "--tasks", 2, "--trials", 2, *SERVED, "--base-url", server.url)
    process = start(*order, "--concurrency", 1, "--out", path)
    wait_for(1, path, process)
    server.troubles = iter(["garbage"] * 3)  # one call with all its tries
    out, told = process.communicate(timeout=120)
    assert process.returncode == 1, told
    assert "1 of 4 episodes were broken off by the infrastructure" in " ".join(told.split())
    assert "not known" in out
    lost = Results.load(path / "results.json")
    assert lost.summary
    assert (lost.summary["judged"], lost.summary["infrastructure"]) == (3, 1)
    assert run("status", path, "--json").json["infrastructure"] == 1
    assert run("resume", path, "--json").json["judged"] == 4


def test_tasks_of_an_export_are_evaluated_on(tmp_path: Path) -> None:
    made = tmp_path / "made"
    run("synthesize", "hotel", "--count", 3, "--out", made)
    run("export", made, "-f", "rl", "-f", "tau2")
    found = run(
        "eval", "hotel", "--task-file", "made/export/rl.jsonl", "--trials", 1, "--out", "run", "--json", cwd=tmp_path
    ).json
    assert (found["tasks"], found["pass_hat"][0]["value"]) == (3, 1)
    assert run("resume", tmp_path / "run", "--json").json["tasks"] == 3  # from any folder
    file = made / "export" / "rl.jsonl"
    file.write_text(file.read_text().replace("You", "Thou", 1))
    line = refused("resume", tmp_path / "run", saying=(found["info"]["task_digest"], "use the version"))
    assert len(re.findall(r"\b[0-9a-f]{40}\b", line)) == 2
    bare = ("eval", "hotel", "--task-file", made / "export" / "tasks.json")
    refused(*bare, saying=("brings no playbook case", "--agent openai:NAME"), cwd=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (("hotl",), ("did you mean 'hotel'?",)),
        (("hotel", "--trials", 0), ("--trials", "eval --help")),
        (("hotel", "--tasks", 0), ("--tasks", "eval --help")),
        (("hotel", "--split", "test"), ("no split 'test'",)),
        (("hotel", "--task", "a"), ("no tasks to name",)),
        (("hotel", "--basis", "mine"), ("--basis", "eval --help")),
        (("hotel", "--briefing", "benchmark"), ("no benchmark's wording",)),
        (("hotel", "--agent", "gpt-5"), ("no model 'gpt-5'",)),
        (("hotel", "--judge", "scripted"), ("--judge openai:NAME",)),
        (("hotel", "--task-file", "nowhere.json"), ("nowhere.json",)),
        (("hotel", "--budget", "five"), ("'five'",)),
        (("bare.py",), ("neither tasks nor a playbook", "--task-file")),
        (("bare.py", "--task-file", "tasks.json"), ("no playbook", "--agent openai:NAME --user openai:NAME")),
        (("hotel", "--out", "taken"), ("is no evaluation: choose another folder",)),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_unusable_input(tmp_path: Path, arguments: tuple[object, ...], saying: tuple[str, ...]) -> None:
    (tmp_path / "bare.py").write_text(
        "from dataclasses import replace\nfrom eigen_graph.domains.hotel import domain as hotel\n"
        "domain = replace(hotel(), name='bare', playbook=None)"
    )
    (tmp_path / "tasks.json").write_text(json.dumps([{"id": "a"}]))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "run.json").write_text('{"format": 1, "created": "", "domain": "hotel", "database": ""}')
    before = {path.name for path in tmp_path.iterdir()}
    refused("eval", *arguments, saying=saying, cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == before
