"""`eigen-graph studio` as a process whose every connection is recorded; its server's client and its log."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).parent / "eigen-graph")
RECORDER = """
import os, sys

def record(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        address = args[0] if event == "socket.getaddrinfo" else args[1]
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(host, (str, bytes)):
            line = f"{event} {host if isinstance(host, str) else host.decode()}\\n"
            log = os.open(os.environ["CONNECTIONS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, line.encode())
            os.close(log)

sys.addaudithook(record)
if "ONLY_PYTHON" in os.environ:  # libuv connects without a word to Python
    sys.modules["uvloop"] = None
"""
"""A `sitecustomize` that every Python below the command runs: names looked up and addresses connected to."""


@dataclass
class Studio:
    """The command at work."""

    told: dict[str, Any]
    """What it printed: where to look."""
    home: Path

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()


@contextmanager
def studio(home: Path, *arguments: str) -> Iterator[Studio]:
    """Run the command in a folder, under strace where there is one, and see at its end that it kept to the machine."""
    (home / "hook").mkdir(parents=True)
    (home / "hook/sitecustomize.py").write_text(RECORDER)
    environment = {
        **os.environ,
        "PYTHONPATH": str(home / "hook"),
        "CONNECTIONS": str(home / "connections"),
        "LANGSMITH_API_KEY": "lsv2_pt_no_key",  # with a key, the server would report home
        "LANGCHAIN_TRACING_V2": "true",
    }
    traced: list[str] = []
    if strace := shutil.which("strace"):
        traced = [strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto", "-o", str(home / "strace")]
    else:
        environment["ONLY_PYTHON"] = "1"
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [*traced, COMMAND, "studio", *arguments, "--port", "0", "--json"],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield Studio(_printed(process, home / "log"), home)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        assert process.stdout
        process.stdout.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "Blocking call" not in (home / "log").read_text()
    assert outside(home) == []


def _printed(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            return dict(json.loads(text))
    raise AssertionError(f"it ended without a word; its log: {log.read_text()}")


def outside(home: Path) -> list[str]:
    """Every address that is not this machine's among those that were looked up or connected to."""
    found = [line.split(" ", 1)[1] for line in (home / "connections").read_text().splitlines()]
    assert found, "the recorder heard nothing: not even the command's own calls of its server"
    if (trace := home / "strace").exists():
        text = trace.read_text()
        kernel = re.findall(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', text)
        assert kernel, "strace heard nothing"
        found += kernel
    return [host for host in found if not _is_here(host)]


def _is_here(host: str) -> bool:
    if host == "localhost" or host.startswith(("/", "\0")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
