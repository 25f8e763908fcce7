"""The shop's servers as processes on loopback, and manifests for them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from shop.world import TOOLS

HERE = Path(__file__).parent
POLICY = """# Policy of the shop

Today is 2025-06-02.

1. Find the customer by `find_customer` before anything else; know prices by `list_products`, orders by `get_order`.
2. `place_order` only what the user has said yes to, with its total.
3. `cancel_order` only an order of that customer, as `get_order` shows it, and say what is refunded.
"""


class Server:
    """A server process; a context manager. `stop` kills it, `start` begins it again at the same place."""

    def __init__(self, script: str) -> None:
        self._script = script
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, str(HERE / self._script), str(self.port)])
        for _ in range(600):
            try:
                httpx.get(self.url, timeout=5)
            except httpx.TransportError:
                assert self._process.poll() is None
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server does not begin")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def openapi_document() -> str:
    """The API's, as its server prints it."""
    command = [sys.executable, str(HERE / "api_server.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def shop_folder(
    folder: Path, source: dict[str, Any], left_out: tuple[str, ...], extra: tuple[str, ...] = (), **state: Any
) -> Path:
    """A folder with a manifest of the shop whose tools are from `source`, the agent's and `extra`."""
    tools = {
        "from": source,
        "agent": [*TOOLS, *extra],
        "left_out": list(left_out),
        "writes": ["place_order", "cancel_order"],
        "confirm": ["place_order"],
        "after": {"place_order": ["find_customer"], "cancel_order": ["find_customer"]},
    }
    folder.mkdir(parents=True)
    (folder / "domain.yaml").write_text(yaml.safe_dump({"name": "shop", "tools": tools, "state": state}))
    (folder / "policy.md").write_text(POLICY)
    return folder
