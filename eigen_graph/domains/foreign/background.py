"""One event loop on a thread of its own, for tools that are asynchronous only, and threads for those that may hang."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TypeVar

from eigen_graph.core import InfrastructureError

T = TypeVar("T")


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The loop; it runs until the process ends."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="eigen-graph-tools", daemon=True).start()
    return made


def submit(work: Awaitable[T]) -> concurrent.futures.Future[T]:
    """Begin something on the loop."""
    return asyncio.run_coroutine_threadsafe(_awaited(work), loop())


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def wait(future: concurrent.futures.Future[T], seconds: float, what: str) -> T:
    """What something comes to.

    Raises:
        InfrastructureError: Nothing, in that time.
    """
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError:
        if future.done():  # its own timeout, not ours
            raise
        future.cancel()
        raise InfrastructureError(f"{what}: no answer within {seconds:g} s") from None


def within(seconds: float, what: str, work: Callable[[], T]) -> T:
    """Do something that may hang, on a thread that is left behind if it does. Raises as `wait`."""
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            if not future.cancelled():
                future.set_exception(error)

    threading.Thread(target=run, name="eigen-graph-tool", daemon=True).start()
    return wait(future, seconds, what)
