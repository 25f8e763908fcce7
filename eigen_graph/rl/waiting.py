"""Waiting for what is asynchronous, also where an event loop is running already, as in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine in a loop of its own."""
    with OwnLoop() as loop:
        return loop.run(work)


class OwnLoop:
    """One event loop for many calls, so that connections last from one to the next. A context manager.

    Where another loop is running in the caller's thread, this one runs in a thread of its own.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._thread: ThreadPoolExecutor | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine."""
        return self._call(lambda: self._runner.run(work))

    def close(self) -> None:
        """End the loop, and what it left undone."""
        self._call(self._runner.close)
        if self._thread is not None:
            self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, work: Callable[[], T]) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return work()
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="event loop")
        return self._thread.submit(work).result()
