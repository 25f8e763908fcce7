"""Every command and program in README.md runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from openai_server import Serve

from eigen_graph.domains import load_domain
from eigen_graph.models import ScriptedChat

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
SHELL = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.strip()]
TRAINING = re.search(r"\n## Train\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.DOTALL)[1]  # type: ignore[index]
PROGRAMS = [(text, printed) for (kind, text), (then, printed) in pairwise(BLOCKS) if (kind, then) == ("python", "text")]
NEEDS_A_SERVER = "openai:"
IN_SECONDS = {
    "train": [
        *(f"--set {side}.sft.steps=2" for side in ("user", "agent")),
        "--set user.fidelity.tasks=4 --set user.fidelity.max_faults=1e6",
    ],
    "train grpo": ["--set grpo.steps=1 --set grpo.groups=2 --set grpo.group_size=2", "--force"],
}
"""What is added to commands that would train for minutes; what they train is then refused, but for --force."""


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("training", [False, True])  # they share nothing, and run side by side
def test_offline_commands_run_in_order(tmp_path: Path, *, training: bool) -> None:
    lines = [
        line
        for line in SHELL
        if NEEDS_A_SERVER not in line
        and not line.startswith(("make ", "export ", "pip "))
        and (line in TRAINING) == training
    ]
    assert len(lines) >= 6
    for line in lines:
        sooner = [
            part for start, parts in IN_SECONDS.items() if line.startswith(f"eigen-graph {start}") for part in parts
        ]
        small = ["--set evaluation.tasks=4 --set evaluation.trials=1"] if sooner else []
        done = shell(" ".join([line.replace("--count 700", "--count 60"), *sooner, *small]), tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {line.split()[1] for line in SHELL if line.startswith("make ")}
    assert named
    assert named <= set(targets)


@pytest.mark.parametrize("line", [line for line in SHELL if NEEDS_A_SERVER in line])
def test_commands_with_a_model_run_against_a_server(serve: Serve, tmp_path: Path, line: str) -> None:
    """The commands as written, but for addresses, and with the served models told which case they play."""
    specs = re.findall(r"'?(openai:[^\s'?]+)(?:\?([^\s']*))?'?", line)
    domain = next(name for name in ("tau2:telecom", "broadband", "hotel") if name in line)
    chat = ScriptedChat(domains={domain: load_domain(domain)})
    server = serve(chat, names=[spec.removeprefix("openai:") for spec, _ in specs])
    local = re.sub(r" --base-url \S+", "", line)
    for spec, options in specs:
        kept = "&".join(["send_case=true", *(o for o in options.split("&") if o and not o.startswith("base_url="))])
        local = re.sub(rf"'?{re.escape(spec)}(\?[^\s']*)?'?", f"'{spec}?{kept}'", local)
    done = shell(local, tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any")
    assert done.returncode == 0, done.stderr
    assert sum(server.answered.values()) > 50


def test_every_program_says_what_it_prints() -> None:
    assert len(PROGRAMS) == sum(kind == "python" for kind, _ in BLOCKS) > 0


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_programs_run(program: str, printed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
