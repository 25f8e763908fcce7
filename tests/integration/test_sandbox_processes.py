"""The sandbox across processes: forks, deaths and the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RUN = "from eigen_graph.checkers.sandbox import run_check\nok = 'def check(a, b, c): return True, str(len(b))'\n"


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-W", "error", "-c", RUN + code, **options)


def test_a_forked_child_judges_too_and_leaves_the_parents_workers_alone() -> None:
    done = python(
        "import os, sys\n"
        "assert run_check(ok, calls=[1]).reason == '1'\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print('child', run_check(ok, calls=[1, 2]).reason, run_check('x').passed, flush=True)\n"
        "    sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print('parent', run_check(ok).reason)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["child 2 None", "parent 0"]


def test_a_child_forked_before_the_first_program_has_workers_of_its_own() -> None:
    done = python(
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print([ruling.passed for ruling in pool.map(run_check, [ok] * 6)], run_check(ok).passed)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"{[True] * 6} True"


def test_no_worker_outlives_its_process() -> None:
    code = (
        "from eigen_graph.checkers.sandbox import Limits, _session\n"
        "import time\n"
        "session = _session(Limits())\n"
        "print(session.worker_pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = process.stdout.readline().strip()
        alive = _alive(worker)
        process.send_signal(signal.SIGKILL)
    assert alive
    deadline = time.monotonic() + 10
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def test_without_its_binary_the_sandbox_says_so() -> None:
    done = python(
        "from eigen_graph.core import EigenGraphError\n"
        "try:\n    run_check(ok)\nexcept EigenGraphError as error:\n    print(error)\n",
        env={**os.environ, "MONTY_BIN": "/nowhere/monty"},
    )
    assert done.stderr == ""
    assert "the sandbox does not start" in done.stdout


def test_the_command_needs_no_trainer_and_no_graph(tmp_path: Path) -> None:
    from eigen_graph.checkers import build_checker, gold_trajectory  # noqa: PLC0415  # slow to import: once, here
    from eigen_graph.core import Cue  # noqa: PLC0415
    from eigen_graph.core.writing import task_from_case  # noqa: PLC0415
    from eigen_graph.domains import load_domain  # noqa: PLC0415

    hotel = load_domain("hotel")
    assert hotel.playbook is not None
    checker = build_checker(task_from_case(hotel.playbook.case(hotel, Cue(domain="hotel", seed=5))), hotel)
    (tmp_path / "checker.json").write_text(json.dumps(checker.to_json()))
    right = gold_trajectory(checker.bench(hotel)).to_json()
    (tmp_path / "right.json").write_text(json.dumps(right))
    judge = ("-m", "eigen_graph.checkers")
    done = run(sys.executable, "-X", "importtime", *judge, "checker.json", "right.json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["reward"] == 1
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "eigen_graph.graphs", "eigen_graph.models", "eigen_graph.runs"} & loaded
    start = json.dumps(right["messages"][:2])
    piped = run(sys.executable, *judge, "checker.json", "-", input=start, cwd=tmp_path)
    assert (piped.returncode, piped.stderr) == (1, "")
    helped = run(sys.executable, *judge, "--help")
    assert helped.returncode == 0
    assert "exit 2   unusable input" in helped.stdout
    mistyped = run(sys.executable, *judge, "checker.json", "absent.json", cwd=tmp_path)
    assert mistyped.returncode == 2
    assert mistyped.stderr == "error: absent.json cannot be read: No such file or directory\n"


def _alive(pid: str) -> bool:
    """Running, and not merely a corpse that nobody has buried yet."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")
