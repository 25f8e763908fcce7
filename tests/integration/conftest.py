"""Fixtures for tests that need a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from browser import Open, launched, reading
from langchain_core.language_models import BaseChatModel
from openai_server import OpenAIServer, Serve
from playwright.sync_api import Browser


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(chat, **options)`: an OpenAI-compatible server on loopback for any chat model, stopped after the test."""
    with ExitStack() as stack:

        def start(chat: BaseChatModel, **options: Any) -> OpenAIServer:
            return stack.enter_context(OpenAIServer(chat, **options))

        yield start


@pytest.fixture(scope="module")  # not for the session: while it lives no other event loop can run in this thread
def chromium() -> Iterator[Browser]:
    """A browser."""
    yield from launched()


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """`opened(report, pieces)`: the report in a browser, watched."""
    with reading(chromium, tmp_path) as open_one:
        yield open_one
