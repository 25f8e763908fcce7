"""Progress as it is seen: two live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from io import StringIO
from pathlib import Path

import pytest
from command import COMMAND, environment
from rich.console import Console

from eigen_graph.cli import progress
from eigen_graph.cli.progress import RunProgress
from eigen_graph.models import Meter
from eigen_graph.runs import Counts

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(columns: int, *arguments: object) -> str:
    """What a command writes to a terminal so wide."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = environment({"TERM": "xterm-256color"})
    for name in ("COLUMNS", "NO_COLOR"):
        env.pop(name)
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdin=its, stdout=its, stderr=its, env=env)
    os.close(its)
    written = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not part:
            break
        written += part
    os.close(mine)
    assert process.wait(60) == 0
    return written.decode()


@pytest.mark.parametrize("columns", [80, 44])
def test_live_lines_on_a_terminal(tmp_path: Path, columns: int) -> None:
    arguments = ("--count", 30, "--model", "scripted?faults=0.4", "--concurrency", 2, "--out", tmp_path / "r")
    written = on_terminal(columns, "synthesize", "hotel", *arguments)
    assert written.count("\x1b[1A") > 1  # drawn again over itself, never more than its two lines
    assert "\x1b[3A" not in written
    frames = [CODES.sub("", line).rstrip() for line in re.split(r"[\r\n]+", written)]
    live = [line for line in frames if re.match(r"accepted [━╸╺ ]+ *\d+/30", line)]
    assert live
    assert max(map(len, live)) <= columns
    assert any(re.match(r"rejected \d+ \(.*[\d,]+ tok|rejected \d+ \(.*…", line) for line in frames)
    assert columns < 80 or any("left" in line for line in live)
    plain = CODES.sub("", written)
    assert re.search(r"accepted 3\d of 30; rejected \d+ \(", plain)
    assert "next" not in plain
    assert "eigen-graph verify" in plain


def made(**lost: int) -> Counts:
    return Counts(accepted=2, rejected=sum(lost.values()), by_blame=lost)


async def test_plain_lines_come_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PLAIN_EVERY_S", 0.01)
    written = StringIO()
    console = Console(file=written, width=80)
    async with RunProgress(console, 9, made(agent=1), Meter()) as shown:
        await asyncio.sleep(0.05)
        shown.add({"fate": "accepted", "blame": None})
        shown.add({"fate": "rejected", "blame": "user"})
        shown.add({"fate": "dropped", "blame": "infrastructure"})
    first, *_, last = written.getvalue().splitlines()
    assert first == "accepted 2 of 9; rejected 1 (agent 1); 0 tokens"
    assert last.startswith("accepted 3 of 9; rejected 3 (agent 1, user 1, infrastructure 1); 0 tokens")
    assert last.endswith("left")


async def test_quiet_is_quiet() -> None:
    written = StringIO()
    async with RunProgress(Console(file=written), 9, made(), Meter(), quiet=True) as shown:
        shown.note("hello")
        shown.add({"fate": "accepted", "blame": None})
    assert written.getvalue() == ""


async def test_money_is_shown_when_there_is_a_price() -> None:
    meter = Meter(before_usd=1.5, before_tokens=2_000)
    assert RunProgress(Console(file=StringIO()), 9, made(), meter).line() == "accepted 2 of 9; 2,000 tokens; $1.50"
