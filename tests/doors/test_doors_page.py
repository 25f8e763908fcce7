"""The blocks of docs/doors.md for libraries that live elsewhere run as they stand, but for the address of the model."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from door_packages import exported
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from openai_server import Serve

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"
BLOCK = re.compile(r"^```(\w+)(?: append=(\S+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Polite(BaseChatModel):
    """Plays anybody, to no end."""

    @property
    def _llm_type(self) -> str:
        return "polite"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:  # noqa: ARG002  # it calls none
        return self

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Please go on."))])


def section(title: str) -> list[tuple[str, str, str]]:
    """The blocks under a heading: language, file to add to, text."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    return BLOCK.findall(text)


def environment(url: str, packages: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    keys = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "any", "PYTHONPATH": str(packages)}
    return {**os.environ, "PATH": path, **keys}


def needs(library: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(library) is None
    return pytest.mark.skipif(missing, reason=f"{library} is not installed: make test-doors")


@contextmanager
def running(command: str, folder: Path, given: dict[str, str], port: int) -> Iterator[None]:
    with subprocess.Popen(["bash", "-ec", f"exec env {command}"], cwd=folder, env=given) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, "the server ended"
                time.sleep(0.2)
            yield
        finally:
            process.terminate()


@needs("verifiers")
def test_the_blocks_for_verifiers_run(tmp_path: Path, serve: Serve) -> None:
    packages = exported(tmp_path, "verifiers")
    server = serve(Polite(), names=("gpt-5-mini",))
    given = environment(server.url, packages)
    blocks = section("verifiers")
    for _, file, text in blocks:
        if file:
            (tmp_path / file).write_text(text.replace("https://api.openai.com/v1", server.url))
    (commands,) = [text for kind, file, text in blocks if kind == "console"]
    lines = [line for line in commands.splitlines() if not line.startswith("pip ")]
    assert len(lines) == 2
    for line in lines:
        command = line.replace("https://api.openai.com/v1", server.url)
        done = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert "push failed" not in done.stdout + done.stderr
    assert re.findall(r"^(\S+) (True) .*score=0\.0", done.stdout, re.MULTILINE) == [
        ("g0-000000", "True"),
        ("g0-000001", "True"),
    ]


@needs("openenv")
def test_the_blocks_for_openenv_run(tmp_path: Path, serve: Serve) -> None:
    made = exported(tmp_path, "openenv")
    (packages := tmp_path / "packages").mkdir()
    (packages / "hotel_env").symlink_to(made)
    given = environment(serve(Polite(), names=("gpt-5-mini",)).url, packages)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    blocks = section("OpenEnv")
    for _, file, text in blocks:
        if file:
            (tmp_path / file).write_text(text.replace("8765", str(port)))
    starting, playing = [text for kind, file, text in blocks if kind == "console"]
    (command,) = [line for line in starting.splitlines() if not line.startswith("pip ")]
    with running(command.replace("8765", str(port)), tmp_path, given, port):
        done = subprocess.run(
            ["bash", "-ec", playing], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=200, check=False
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "user False 0.0"
