"""Programs that a model wrote, run where they can do no harm: pydantic-monty, with every limit set.

Monty is an interpreter of its own in a worker process: no files, no network, no processes, no CPython objects to
climb out by. A pool of workers is kept for the process; a program that kills its worker costs a new worker.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pydantic_monty as monty

from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import EigenGraphError

_CALL = "check(changes, calls, said)"
_MAX_SOURCE = 50_000
_MAX_DEPTH = 40
_MAX_INT_BITS = 4096


@dataclass(frozen=True)
class Limits:
    """What a program may use."""

    seconds: float = 1.0
    """Execution time; a worker that does not notice in time is killed `_GRACE` later."""
    memory: int = 32 * 2**20
    """Bytes of its heap."""
    recursion: int = 200
    """Depth of its calls."""
    output: int = 64 * 2**10
    """Bytes it may print."""


class Ruling(NamedTuple):
    """What a program said."""

    passed: bool | None
    """None: it said nothing usable; `reason` tells why."""
    reason: str


class SandboxUnavailableError(EigenGraphError):
    """No worker process can be had: nothing is known of the program."""


_GRACE = 1.0
_NEVER_LONGER = 60.0
_SUSPENSIONS = 16
_MAX_WORKERS = max(2, min(8, os.cpu_count() or 2))
_WAIT_FOR_WORKER = 60.0
_CLOCK: monty.OSPolicy = {
    "datetime": datetime(2025, 1, 1, tzinfo=UTC),
    "sleep": "zero",
    "process_time": "zero",
    "random_start": {"seed": 0},
}
_DEFAULT = Limits()


def run_check(
    code: str,
    *,
    changes: Sequence[Any] = (),
    calls: Sequence[Any] = (),
    said: Sequence[str] = (),
    limits: Limits = _DEFAULT,
) -> Ruling:
    """Run a program's `check(changes, calls, said)`, which returns a bool or `(bool, reason)`.

    Whatever the program does, this returns, within its time limit and a little more. It blocks its thread meanwhile
    and may be called from any thread. The clock stands still and chance is seeded, so a program rules the same twice.

    Raises:
        SandboxUnavailableError: The machine gives no worker process.
    """
    if len(code) > _MAX_SOURCE:
        return Ruling(None, f"the program is too long: {len(code)} characters, at most {_MAX_SOURCE}")
    question: dict[str, Any] = {
        "program": f"{code}\n\n{_CALL}",
        "inputs": {"changes": _plain(changes), "calls": _plain(calls), "said": _plain(said)},
        "limits": asdict(limits),
    }
    return _ask_elsewhere(question) if _pool.lost else _ask(**question)


def close() -> None:
    """End the worker processes; the next program starts new ones."""
    _pool.close()


def _ask(program: str, inputs: dict[str, Any], limits: dict[str, Any]) -> Ruling:
    bounds = Limits(**limits)
    answer = _run(program, inputs, bounds)
    if isinstance(answer, monty.MontyCrashedError) and not answer.timed_out:
        # Once more: the worker may have died of something else (somebody's kill, memory short on the machine).
        answer = _run(program, inputs, bounds)
    return Ruling(None, _complaint(answer, bounds)) if isinstance(answer, Exception) else _ruling(answer)


def _run(program: str, inputs: dict[str, Any], limits: Limits) -> Any:
    """What the program returned, or the error that it ended in."""
    session = _session(limits)
    try:
        return session.feed_run(program, inputs=inputs, print_callback=monty.CollectString(limits.output))
    except Exception as error:  # noqa: BLE001  # whatever a hostile program brings about is its own fault
        return error
    finally:
        session.__exit__(None, None, None)


def _session(limits: Limits) -> monty.MontySession:
    """A worker to itself, checked out; idle workers that somebody killed are passed over."""
    for _ in range(_MAX_WORKERS + 1):
        session = _pool.get().checkout(
            script_name="checker.py",
            limits={
                "max_feed_duration_secs": limits.seconds,
                "max_turn_duration_secs": limits.seconds,
                "max_memory": limits.memory,
                "max_recursion_depth": limits.recursion,
                "max_suspensions": _SUSPENSIONS,
                "max_total_sleep_secs": 0.0,
            },
            os_policy=_CLOCK,
        )
        try:
            return session.__enter__()
        except monty.MontyCrashedError:
            continue
        except TimeoutError as error:
            raise SandboxUnavailableError(f"every sandbox worker was busy for {_WAIT_FOR_WORKER:.0f} s") from error
    raise SandboxUnavailableError("sandbox workers die as soon as they start: is the machine out of memory?")


def _ask_elsewhere(question: dict[str, Any]) -> Ruling:
    """Ask a fresh interpreter: after a fork, this process can no longer talk to workers."""
    seconds = _WAIT_FOR_WORKER + 2 * question["limits"]["seconds"]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, nothing of the program's on the command line
            [sys.executable, "-m", __name__],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
        return Ruling(*json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SandboxUnavailableError(f"no sandbox in this forked process: {bounded(str(error), 200)}") from error


class _Pool:
    """The process's workers, started when first needed and again after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: monty.Monty | None = None
        self.lost = False
        """The workers stayed with the parent of this forked process, and with them Monty's own threads."""

    def get(self) -> monty.Monty:
        with self._lock:
            if self._workers is None:
                self._workers = _start()
            return self._workers

    def close(self) -> None:
        with self._lock:
            workers, self._workers = (self._workers, self._workers if self.lost else None)
        if workers is not None and not self.lost:
            workers.__exit__(None, None, None)

    def forget(self) -> None:
        """In a forked child; the workers are not let go of, for they are the parent's to end."""
        self._lock = threading.Lock()
        self.lost = self._workers is not None


def _start() -> monty.Monty:
    pool = monty.Monty(
        min_processes=1,
        max_processes=_MAX_WORKERS,
        checkout_timeout=_WAIT_FOR_WORKER,
        request_timeout=_NEVER_LONGER,
        feed_duration_limit_grace=_GRACE,
        turn_duration_limit_grace=_GRACE,
    )
    try:
        return pool.__enter__()  # stays open until the process ends
    except Exception as error:
        raise SandboxUnavailableError(
            f"the sandbox does not start ({bounded(str(error), 200)}): reinstall it with `pip install pydantic-monty`"
        ) from error


_pool = _Pool()
atexit.register(_pool.close)
os.register_at_fork(after_in_child=_pool.forget)


def _ruling(answer: Any) -> Ruling:
    reason: Any = ""
    if isinstance(answer, tuple | list) and len(answer) == 2:  # noqa: PLR2004  # (bool, reason)
        answer, reason = answer
    if type(answer) is not bool or not isinstance(reason, str):
        kind = type(answer).__name__ if type(answer) is not bool else f"(bool, {type(reason).__name__})"
        return Ruling(None, f"check must return a bool or (bool, str), not {kind}")
    return Ruling(answer, bounded(reason[:4000]) or ("" if answer else "check returned False"))


def _complaint(error: Exception, limits: Limits) -> str:
    if isinstance(error, monty.MontyCrashedError):
        return "the program killed its interpreter, or would not stop"
    text = str(error)[:2000]
    if text.endswith(f"> {limits.output} bytes"):
        return f"the program prints too much, at most {limits.output} bytes"
    if isinstance(error, monty.MontySyntaxError):
        return bounded(f"the program does not parse: {text}")
    if text == "NameError: name 'check' is not defined":
        return "the program defines no check(changes, calls, said)"
    where = ""
    if isinstance(error, monty.MontyRuntimeError) and (frames := error.traceback()):
        where = f" (line {frames[-1].line})"
    return bounded(f"the program failed: {text[:500]}{where}")


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as the sandbox can take it: what a dialogue holds may be stranger than JSON."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, int | float):
        return float("inf") if isinstance(value, int) and value.bit_length() > _MAX_INT_BITS else value
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return str(value)


if __name__ == "__main__":
    json.dump(_ask(**json.load(sys.stdin)), sys.stdout)
