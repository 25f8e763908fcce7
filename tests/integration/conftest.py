"""Fixtures for tests that need a real server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

sys.path.append(str(Path(__file__).parents[1]))

from openai_server import OpenAIServer  # from tests/, put on the path above

Serve = Callable[..., OpenAIServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(chat, **options)`: an OpenAI-compatible server on loopback for any chat model, stopped after the test."""
    with ExitStack() as stack:

        def start(chat: BaseChatModel, **options: Any) -> OpenAIServer:
            return stack.enter_context(OpenAIServer(chat, **options))

        yield start
