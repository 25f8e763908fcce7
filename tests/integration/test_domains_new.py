"""`domains new`, `domains draft` and `serve` as somebody meets them who begins a domain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command import environment, refused, run, start

from eigen_graph.domains.scaffold import write_scaffold

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ELSEWHERE = json.dumps({"role": "user", "cue": {"domain": "nowhere", "seed": 1}, "attempt": 0, "scene": "s"})


def shell(command: str, cwd: Path) -> None:
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=cwd,
        env=environment(path),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_what_new_writes_works_at_once(tmp_path: Path) -> None:
    told = run("domains", "new", "bike_shop", cwd=tmp_path).out
    before = (tmp_path / "bike_shop/database.json").read_bytes()
    blocks = re.findall(r"```sh\n(.*?)```", (tmp_path / "bike_shop/README.md").read_text(), re.DOTALL)
    for block in blocks:
        shell(block, tmp_path)
    assert (tmp_path / "bike_shop/database.json").read_bytes() == before, "README drafts what was there"
    state = json.loads(run("status", "runs/bike_shop", "--json", cwd=tmp_path).out)
    assert state["accepted"] == 10
    for command in re.findall(r"^  eigen-graph (.*)", told, re.MULTILINE):
        assert f"eigen-graph {command.split(' --')[0]}" in "\n".join(blocks), "what it says comes next is in the README"


def test_what_new_writes_is_well_kept(tmp_path: Path) -> None:
    folder = write_scaffold("bike_shed", tmp_path)
    shell(f"ruff format --check --config {ROOT}/pyproject.toml {folder}", tmp_path)
    shell(f"ruff check --isolated {folder}", tmp_path)
    # With the cache of `make lint`, if there is one: by itself it reads langgraph and pydantic first.
    shell(f"mypy --config-file {ROOT}/pyproject.toml --cache-dir {ROOT}/.mypy_cache {folder}", ROOT)


def test_draft_says_what_it_did(tmp_path: Path) -> None:
    run("domains", "new", "florist", cwd=tmp_path)
    rows = ("--rows", "orders=7", "--rows", "customers=3")
    done = run("domains", "draft", "florist/records.py", *rows, "--seed", 4, "--out", "new.json", cwd=tmp_path)
    assert re.match(r"new\.json: 3 customers, 7 orders", done.out)
    assert len(json.loads((tmp_path / "new.json").read_text())["orders"]) == 7
    refused("domains", "check", "florist", saying=("did you mean the folder florist/",), cwd=tmp_path)


@contextmanager
def serving(*options: object) -> Iterator[str]:
    """The server's URL, as it says it itself."""
    process = start("serve", "hotel", *options)
    try:
        assert process.stdout
        line = process.stdout.readline()
        url = re.search(r"http://\S+", line)
        assert url, line
        yield url[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_run_through_serve_is_the_run_without(tmp_path: Path) -> None:
    common = ("--count", 3, "--seed", 5, "--json")
    with serving("--port", 0) as url:
        model = ("--model", "openai:scripted?send_case=true", "--base-url", url)
        served = run("synthesize", "hotel", *common, *model, "--out", tmp_path / "served").json
        refused("serve", "hotel", "--port", url.split(":")[2].split("/")[0], saying=("name another with --port",))
        for path, body, says in (
            ("models", None, "scripted"),
            ("nothing", None, "there is no /v1/nothing"),
            ("chat/completions", b"{", "this is no chat request"),
            ("chat/completions", b'{"messages": [{"role": "user", "content": "Hi"}]}', "send_case=true"),
            ("chat/completions", b'{"messages": [], "metadata": {"eigen": "3"}}', "send_case=true"),
            ("chat/completions", json.dumps({"messages": [], "metadata": {"eigen": ELSEWHERE}}).encode(), "'nowhere'"),
        ):
            assert says in answered(f"{url}/{path}", body)
    here = run("synthesize", "hotel", *common, "--out", tmp_path / "here").json
    assert served["accepted"] == here["accepted"] == 3


def answered(url: str, body: bytes | None) -> str:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body)) as response:  # noqa: S310  # loopback
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
