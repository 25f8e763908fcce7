"""Callers that come at the same time are served together: a batch costs little more than one of its rows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from eigen_graph.models.errors import InfrastructureError

if TYPE_CHECKING:
    from eigen_graph.models.local.sampling import Draw, Drawn

MAX_ROWS = 32
"""Turns generated at once."""
MAX_TOKENS = 65_536
"""Tokens that a batch may come to, padding and room for the turns included: a bound on the cache's memory."""
_LINGER = 0.004
"""Seconds without a newcomer after which a batch begins."""
_LONGEST_LINGER = 0.05


class Batches:
    """Draws from many threads and event loops, generated in batches on one thread.

    Args:
        generate: Generates turns together.
    """

    def __init__(self, generate: Callable[[Sequence[Draw]], list[Drawn]]) -> None:
        self._generate = generate
        self._waiting: deque[tuple[Draw, Future[Drawn]]] = deque()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        self._running = False
        self.sizes: list[int] = []
        """Rows of each batch so far."""

    def submit(self, draw: Draw) -> Future[Drawn]:
        """A turn, once its batch is done; cancel it, and it is left out if that has not begun."""
        future: Future[Drawn] = Future()
        with self._lock:
            self._waiting.append((draw, future))
            if not self._running:
                self._running = True
                self._thread.submit(self._run)
        return future

    def _run(self) -> None:
        """Generate batch after batch until nobody waits."""
        while True:
            self._linger()
            with self._lock:
                batch = self._next()
                if not batch:
                    self._running = False
                    return
            self.sizes.append(len(batch))
            self._serve(batch)

    def _linger(self) -> None:
        """Wait while others come: who speaks at the same time is some milliseconds apart."""
        until = time.monotonic() + _LONGEST_LINGER
        seen = -1
        while seen != (seen := len(self._waiting)) and seen < MAX_ROWS and time.monotonic() < until:
            time.sleep(_LINGER)

    def _next(self) -> list[tuple[Draw, Future[Drawn]]]:
        batch: list[tuple[Draw, Future[Drawn]]] = []
        prompt = turn = 0
        while self._waiting and len(batch) < MAX_ROWS:
            draw, future = self._waiting[0]
            prompt, turn = max(prompt, len(draw.prompt)), max(turn, draw.max_new_tokens)
            if batch and (len(batch) + 1) * (prompt + turn) > MAX_TOKENS:
                break
            self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                batch.append((draw, future))
        return batch

    def _serve(self, batch: list[tuple[Draw, Future[Drawn]]]) -> None:
        try:
            turns = self._generate([draw for draw, _ in batch])
        except BaseException as error:  # noqa: BLE001  # it is the callers' to handle
            if _out_of_memory(error) and len(batch) > 1:
                middle = len(batch) // 2
                self._serve(batch[:middle])
                self._serve(batch[middle:])
                return
            if _out_of_memory(error):
                error = InfrastructureError("out of memory for a single turn: use a smaller model or context")
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), turn in zip(batch, turns, strict=True):
            future.set_result(turn)


def _out_of_memory(error: BaseException) -> bool:
    # torch's own class for GPUs; on a CPU it is a RuntimeError that says so.
    return "OutOfMemory" in type(error).__name__ or "can't allocate memory" in str(error)
