"""One writer at a time: a lock that the operating system lets go of when its holder dies, however it dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from eigen_graph.core.errors import EigenGraphError


class RunLockedError(EigenGraphError):
    """Another process holds the run."""


class RunLock:
    """A lock file, with its holder's process id beside it for the message to whoever comes second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder = path.with_suffix(".pid")
        self._lock = FileLock(path, timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take it at once or not at all.

        Raises:
            RunLockedError: Another process has it.
            EigenGraphError: The lock file cannot be made.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise RunLockedError(
                f"{self._path.parent} is being written by another process{self._who()}: "
                f"wait for it to end, or stop it and resume"
            ) from None
        except OSError as error:
            raise EigenGraphError(f"cannot write to {self._path.parent}: {error.strerror or error}") from error
        self._holder.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _who(self) -> str:
        try:
            return f" (pid {int(self._holder.read_text())})"
        except (OSError, ValueError):
            return ""
