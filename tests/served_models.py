"""`transformers serve` on loopback: a real OpenAI-compatible server for a model folder.

    with served(path, tmp_path) as url:
        run("eval", "broadband", "--agent", f"openai:{path}?base_url={url}")

The model's name there is its folder's path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RUNNING = re.compile(r"Uvicorn running on (http://[0-9.:]+)")
_PATIENCE = 120.0


@contextmanager
def served(model: Path, scratch: Path) -> Iterator[str]:
    """A server of a model folder; its base URL.

    Args:
        model: The folder.
        scratch: Where the server may keep what it keeps.
    """
    hub = scratch / "hub"  # it lists what lies there, and fails if there is no such folder
    hub.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--host", "127.0.0.1", "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    said: list[str] = []
    url: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stderr
        for line in process.stderr:
            said.append(line)
            if found := _RUNNING.search(line):
                url.append(f"{found[1]}/v1")
                ready.set()
        ready.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        ready.wait(_PATIENCE)
        assert url, "".join(said[-30:])
        yield url[0]
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        thread.join(5)
        assert process.stderr
        process.stderr.close()
