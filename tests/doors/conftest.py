"""Fixtures for tests of doors, which run in environments that hold little else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from openai_server import OpenAIServer, Serve


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(chat, **options)`: an OpenAI-compatible server on loopback for any chat model, stopped after the test."""
    with ExitStack() as stack:

        def start(chat: BaseChatModel, **options: Any) -> OpenAIServer:
            return stack.enter_context(OpenAIServer(chat, **options))

        yield start
