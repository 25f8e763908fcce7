"""Every block of the pages in docs/ runs as it stands there, in order, in one folder, and prints what the page says.

The language of a block says what becomes of it: sh and python run, text is what the block before it printed, diff is
applied, console needs a server of the reader's own and is only read. `append=FILE` adds a block to a file. A block that
starts `eigen-graph serve` runs until the page ends; `eigen-graph studio` is only checked.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from command import environment

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: append=(\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
STUDIO = re.compile(r"^(eigen-graph studio.*)$", re.MULTILINE)
PORT = "8765"
"""What pages serve on; another one is taken here, since several runs of this test may share a machine."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8").replace(PORT, str(free_port())))
    assert blocks
    printed = ""
    with ExitStack() as servers:
        for kind, file, text in blocks:
            if file:
                with (tmp_path / file).open("a", encoding="utf-8") as opened:
                    opened.write(text)
            elif kind == "text":
                assert stripped(printed) == stripped(text)
            elif kind == "diff":
                change(tmp_path, text)
            elif text.startswith("eigen-graph serve "):
                servers.enter_context(running(text, tmp_path))
            elif kind != "console":
                printed = run(kind, text, tmp_path)


def run(kind: str, text: str, folder: Path) -> str:
    ending = STUDIO.sub(r"\1 --check --port 0", text)
    commands = {"sh": ["bash", "-ec", ending], "python": [sys.executable, "-W", "error", "-c", text]}
    done = subprocess.run(
        commands[kind], cwd=folder, env=here(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(command: str, folder: Path) -> Iterator[None]:
    """A server, from when it says that it listens."""
    with subprocess.Popen(
        ["bash", "-ec", f"exec {command}"], cwd=folder, env=here(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            assert "http://" in server.stdout.readline()
            yield
        finally:
            server.terminate()


def change(folder: Path, diff: str) -> None:
    """Apply a diff without line numbers: what goes must be there once."""
    lines = diff.splitlines()
    file = folder / lines[1].removeprefix("+++ ")
    gone, new = ("".join(f"{line[1:]}\n" for line in lines[2:] if line[0] == sign) for sign in "-+")
    before = file.read_text(encoding="utf-8")
    assert before.count(gone) == 1
    file.write_text(before.replace(gone, new), encoding="utf-8")


def here() -> dict[str, str]:
    """The commands' environment: this interpreter's programs come first."""
    return environment({"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"})


def stripped(text: str) -> list[str]:
    """Its lines, without the blanks that a table is filled up with."""
    return [line.rstrip() for line in text.splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
