"""Unit tests need no network: a socket beyond the event loop's own fails them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket
from trainings import synthesize


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two dozen broadband dialogues, made once."""
    return synthesize(tmp_path_factory.mktemp("synthesized") / "run")
