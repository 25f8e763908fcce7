"""`report` as a person meets it: of an evolved run, of one that was interrupted, of two evaluations, of nothing."""

from __future__ import annotations

import base64
import gzip
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import finished, refused, run, start

WITHOUT = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "matplotlib", "transformers", "trl"}:
            raise ImportError(name)

sys.meta_path.insert(0, Refusing())
"""
"""A Python without what is installed only for training."""


def page_of(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The data and all dialogues of a page, as its script finds them."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="([^"]+)"[^>]*>(.*?)</script>', text, re.DOTALL)
    data = [json.loads(body) for kind, body in blocks if kind == "application/json"]
    pieces = [body.strip() for kind, body in blocks if kind != "application/json" and _is_piece(body)]
    dialogues = [one for piece in pieces for one in json.loads(gzip.decompress(base64.b64decode(piece)))]
    return data[0], dialogues


def _is_piece(body: str) -> bool:
    return body.strip().startswith("H4sI")


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose engine evolved for a round."""
    folder = tmp_path_factory.mktemp("evolved") / "run"
    sizes = ("--rounds", 1, "--pilot", 32, "--looks", "24,48", "--proposals", 1)
    order = ("hotel", "--count", 24, "--model", "scripted?faults=0.3", "--seed", 1)
    run("synthesize", *order, "--evolve", *sizes, "--out", folder, timeout=280)
    return folder


def test_an_evolved_run_is_one_page(evolved: Path) -> None:
    done = run("report", evolved)
    assert f"report: {evolved / 'report.html'}" in done.out
    assert "accepted of those tried" in done.out
    page, dialogues = page_of(evolved / "report.html")
    status = run("status", evolved, "--json").json
    log = run("evolve", "log", evolved, "--json").json
    steps = page["run"]["funnel"]
    assert steps[-1]["count"] == status["accepted"]
    lost = sum(sum(step["lost"].values()) for step in steps)
    assert lost == status["rejected"] + status["dropped"] + steps[0]["lost"].get("not tried", 0)
    assert [one["number"] for one in page["run"]["generations"]] == [one["number"] for one in log["generations"]]
    for told, known in zip(page["run"]["generations"], log["generations"], strict=True):
        assert (told["accepted"], told["tried"]) == (known["accepted"], known["tried"])
        assert told["yield"]["low"] <= told["yield"]["value"] <= told["yield"]["high"]
        assert "<svg" in told["workflow"]["svg"]
    candidates = [one for round_ in log["rounds"] for one in round_["candidates"]]
    assert {one["id"]: one["fate"] for one in page["run"]["candidates"]} == {
        one["name"]: one["fate"] for one in candidates
    }
    assert [one["id"] for one in dialogues] == page["listing"]["id"]
    assert sum(fate == "accepted" for fate in page["listing"]["fate"]) == status["accepted"]
    rejected = [one for one in dialogues if one["fate"] == "rejected" and one["review"]]
    assert any(said["evidence"] for one in rejected for said in one["said"])
    assert any(said["changes"] for one in dialogues for said in one["said"])


def test_a_report_needs_neither_torch_nor_matplotlib(evolved: Path, tmp_path: Path) -> None:
    code = WITHOUT + "from eigen_graph.cli import main; main()"
    out = tmp_path / "page.html"
    subprocess.run([sys.executable, "-W", "error", "-c", code, "report", evolved, "--out", out], check=True)
    assert out.stat().st_size > 100_000
    again = tmp_path / "again.html"
    run("report", evolved, "--out", again)
    (page, dialogues), (other, others) = page_of(out), page_of(again)
    assert {**page, "made": ""} == {**other, "made": ""}
    assert dialogues == others


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start("synthesize", "broadband", "--count", 400, "--out", folder)
    while process.poll() is None and finished(folder) < 20:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    out = run("report", folder).out
    assert "note: The run is not finished" in out
    page, dialogues = page_of(folder / "report.html")
    assert len(dialogues) == len(page["listing"]["id"]) >= 20
    assert page["run"]["funnel"][0]["lost"].get("not tried", 0) > 0
    assert f"eigen-graph resume {folder}" in page["notes"][0]


def test_two_evaluations_stand_side_by_side(tmp_path: Path) -> None:
    for name, faults in (("careful", 0), ("careless", 0.9)):
        agent = f"scripted?faults={faults}"
        run("eval", "broadband", "--tasks", 6, "--trials", 2, "--agent", agent, "--out", tmp_path / name)
    done = run("report", tmp_path / "careful", tmp_path / "careless", "--out", tmp_path / "both.html")
    assert "careless" in done.out
    page, dialogues = page_of(tmp_path / "both.html")
    careful, careless = page["evaluations"]
    assert careful["pass_hats"][0]["value"] == 1
    assert careless["pass_hats"][0]["value"] < 1
    assert {floor["label"] for floor in careful["floors"]} == {"no-op", "transfer", "assent"}
    assert "over 6 tasks" in careless["against_first"]
    assert len(dialogues) == 24
    assert {one["id"].partition("/")[0] for one in dialogues} == {"careful", "careless"}
    data = run("report", tmp_path / "careful", "--json").json
    assert data["evaluations"][0]["pass_hats"] == careful["pass_hats"]
    assert not (tmp_path / "careful" / "report.html").exists()


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, evolved: Path) -> None:
    refused("report", tmp_path, saying=("nothing to report on", "no run.json", "no recipe.yaml"))
    refused("report", evolved, "--out", tmp_path / "x.svg", saying=("only a training's curves",))
