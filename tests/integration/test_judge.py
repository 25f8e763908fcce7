"""`eigen-graph judge`: tau2's own results files judged again, and results turned from one form into the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from command import refused, run
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from openai_server import Serve

PLAYER = Path(__file__).with_name("tau2_player.py")
DOMAINS = ("airline", "retail", "telecom")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results files that tau2 made: its orchestrator, its evaluator, its `Results.save`."""
    folder = tmp_path_factory.mktemp("played")
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [sys.executable, PLAYER, folder], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return folder


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("domain", DOMAINS)
def test_tau2s_own_file_is_judged_to_the_same_rewards(played: Path, domain: str) -> None:
    theirs = {
        (s["task_id"], s["trial"]): s["reward_info"]["reward"] for s in read(played / f"{domain}.json")["simulations"]
    }
    assert set(theirs.values()) == {0.0, 1.0}
    found = run("judge", played / f"{domain}.json", "--json").json
    assert {(r["task_id"], r["trial"]): r["reward"] for r in found["rulings"]} == theirs
    assert found["counts"] == {"equal": len(theirs)}
    assert (found["domain"], found["basis"], found["missing"]) == (f"tau2:{domain}", "tau2", 0)


def test_there_and_back(played: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    assert "judged as stated" in run("judge", played / "telecom.json", "--out", ours).out
    assert read(ours)["info"]["task_digest"]
    run("judge", ours, "--out", theirs, "--format", "tau2")

    from tau2.data_model.simulation import Results  # noqa: PLC0415  # slow
    from tau2.metrics.agent_metrics import compute_metrics  # noqa: PLC0415

    first, last = Results.load(played / "telecom.json"), Results.load(theirs)
    assert last.tasks == first.tasks
    assert [s.messages for s in last.simulations] == [s.messages for s in first.simulations]
    assert compute_metrics(last).pass_hat_ks == compute_metrics(first).pass_hat_ks
    assert run("judge", theirs, "--json").json["counts"] == {"equal": len(first.simulations)}


def test_every_doubt_is_told(played: Path, tmp_path: Path) -> None:
    data = read(played / "retail.json")
    runs = data["simulations"]
    solved = [s for s in runs if s["reward_info"]["reward"] == 1]
    solved[0]["reward_info"]["reward"] = 0.0
    result = next(m for m in solved[1]["messages"] if m["role"] == "tool" and not m["error"])
    result["content"] = "All is well."
    solved[2] |= {"messages": [], "skipped": True}
    solved[3]["task_id"] = "no such task"
    runs.remove(solved[4])
    done = run("judge", written(tmp_path / "doubtful.json", data), expect=1)
    for line in (
        f"{len(runs)}  episodes",
        " 1  judged otherwise than stated",
        " 1  not judged: broken off by the infrastructure, which is no 0",
        " 1  not judged: its task is unknown",
        " 1  not judged: a recorded result is not what the call gives",
        " 2  trials missing: the run was not finished",
        f"task {solved[0]['task_id']}, trial {solved[0]['trial']}: 0 -> 1: ",
        "gave 'All is well.'; run again, it gives ",
    ):
        assert line in done.out


def test_ours_is_explained_where_it_differs(played: Path) -> None:
    """tau2 gives the reward although the task's own action is refused."""
    found = run("judge", played / "retail.json", "--basis", "eigen", "--json", expect=1).json
    differing = [r for r in found["rulings"] if r["outcome"] == "different"]
    assert differing
    assert all("the task's own action is refused, which tau2 passes over" in r["reason"] for r in differing)


def test_tasks_of_another_version_are_refused(played: Path, tmp_path: Path) -> None:
    data = read(played / "airline.json")
    first, second, *_ = data["tasks"]
    first["id"], second["id"] = second["id"], first["id"]
    path = written(tmp_path / "permuted.json", data)
    refused("judge", path, saying=("differing: 2", "another's id: 2", "--own-tasks", "task file 5c11e28b6481"))
    done = run("judge", path, "--own-tasks", "--json", expect=None)
    assert done.json["task_digest"].startswith("own-")


def test_statements_are_decided_by_the_files_judge_or_by_another_or_not_at_all(
    played: Path, tmp_path: Path, serve: Serve
) -> None:
    data = read(played / "telecom.json")
    task, text = data["tasks"][0], "The agent was kind."
    task["evaluation_criteria"] |= {"nl_assertions": [text], "reward_basis": ["ENV_ASSERTION", "NL_ASSERTION"]}
    solved = [s for s in data["simulations"] if s["task_id"] == task["id"] and s["reward_info"]["reward"] == 1]
    data |= {"tasks": [task], "simulations": solved}
    path = written(tmp_path / "stated.json", data)
    found = run("judge", path, "--own-tasks", "--json", expect=1).json
    assert found["counts"] == {"unheard": len(solved)}
    for one in solved:
        one["reward_info"]["nl_assertions"] = [{"nl_assertion": text, "met": True, "justification": "It was."}]
    path = written(tmp_path / "heard.json", data)
    found = run("judge", path, "--own-tasks", "--json").json
    assert found["counts"] == {"equal": len(solved)}
    assert "what the file's own judge model thought is taken over" in found["notes"][0]
    finding = {"findings": [{"statement": 1, "reason": "It was rude.", "met": False}]}
    server = serve(GenericFakeChatModel(messages=repeat(AIMessage(json.dumps(finding)))))
    asked = ("--judge", "openai:scripted", "--base-url", server.url, "--out", tmp_path / "new.json", "--json")
    found = run("judge", path, "--own-tasks", *asked, expect=1).json
    assert {r["reason"] for r in found["rulings"]} == {f"NL_ASSERTION: not met: {text}: It was rude."}
    new = read(tmp_path / "new.json")
    assert new["info"]["judge"] == "openai:scripted"
    assert {e["opinions"][text]["reason"] for e in new["episodes"]} == {"It was rude."}
    refused("judge", path, "--own-tasks", "--judge", "scripted", saying=("has no opinions",))


def test_bad_days(played: Path, tmp_path: Path) -> None:
    refused("judge", tmp_path / "none.json", saying=("cannot be read",))
    refused("judge", written(tmp_path / "list.json", []), saying=("a results file is",))
    refused("judge", written(tmp_path / "half.json", {"simulations": []}), saying=("not a results file of tau2: info",))
    refused("judge", played / "airline.json", "--domain", "tau2:mock", saying=("no tau2 domain 'mock'",))
    refused("judge", played / "airline.json", "--format", "tau2", saying=("--out",))
    refused("judge", played / "airline.json", "--out", tmp_path / "no" / "where.json", saying=("cannot write",))
