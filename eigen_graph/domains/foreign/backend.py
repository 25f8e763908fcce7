"""Who answers a foreign tool's calls: the recording first, then the tool itself or a model, and then it is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

from eigen_graph.core import NOTHING_KNOWN, EigenGraphError, InfrastructureError, OutageError
from eigen_graph.domains.foreign.pool import NotRepeatableError
from eigen_graph.domains.foreign.recording import Recording
from eigen_graph.domains.foreign.source import Answer, Call, History

Answers = Literal["live", "recorded", "model"]
LIVE: Final = "live"
"""Stands in the recording for the tools themselves."""
OUTAGE_AFTER: Final = 8
"""Failures in a row, over all episodes, after which the tools count as gone."""
_WAITS: Final = (0.3, 1.0)
"""Seconds before a call that came to nothing is made again, in another world."""
_MOST_CHARS: Final = 1_000_000
"""What is kept of an answer: far more than any domain lets through (`Domain.max_result_chars`)."""


class Asked(Protocol):
    """Who is asked for what is not recorded: a `Pool` of worlds, or a model."""

    def ask(
        self,
        history: History,
        call: Call,
        *,
        writes: bool,
        recorded: Callable[[History, Call], Answer | None],
        settle: Callable[[Answer], Answer],
    ) -> Answer:
        """The answer to a call after these writes, once `settle` has recorded it; raises as `Pool.ask`."""

    def close(self) -> None:
        """Let go of what is held."""


class Backend:
    """Answers calls, each by what was written before it in its episode.

    Args:
        recording: What has been answered.
        pool: Who is asked for the rest; None: only the recording answers.
        given_by: Who stands behind the pool, for the recording.
        place: What and where the tools are, for messages.
    """

    def __init__(self, recording: Recording, pool: Asked | None, *, given_by: str = LIVE, place: str = "") -> None:
        self.recording = recording
        self.pool = pool
        self.place = place
        self._given_by = given_by
        self._failures = 0

    def answer(self, history: History, call: Call, *, writes: bool) -> Answer:
        """The answer to a call after these writes; the same one whoever asks.

        Raises:
            InfrastructureError: There is none, after all retries: nothing is known of the episode.
            OutageError: The tools have failed too often in a row, or never will answer as things stand.
        """
        try:
            return self.recording.find(history, call) or self._asked(history, call, writes=writes)
        except NOTHING_KNOWN:
            raise
        except EigenGraphError as error:  # a key, a recording, tools that have changed: no other episode fares better
            raise OutageError(f"{error}; put this right and resume the run") from error
        except Exception as error:  # whatever it is, it is not the caller's
            problem = InfrastructureError(f"{self.place}: {type(error).__name__}: {error!s:.300}")
            self._count(problem)
            raise problem from error

    def _asked(self, history: History, call: Call, *, writes: bool) -> Answer:
        if self.pool is None:
            raise InfrastructureError(
                f"the recording {self.recording.path} holds no answer to {call.tool}({call.arguments:.200}) after "
                f"{len(history)} writes: say `answers: live` where the tools can be reached"
            )
        waits = iter(() if self._failures >= OUTAGE_AFTER else _WAITS)
        while True:
            try:
                answer = self.pool.ask(
                    history,
                    call,
                    writes=writes,
                    recorded=self.recording.find,
                    settle=lambda found: self.recording.keep(history, call, _bounded(found), self._given_by),
                )
            except InfrastructureError as error:
                wait = next(waits, None)
                if wait is None or isinstance(error, NotRepeatableError):
                    self._count(error)
                    raise
                time.sleep(wait)
            else:
                self._failures = 0
                return answer

    def asked_again(self, call: Call) -> Answer | None:
        """What a call that only reads is answered now, in a world where nothing was written; None where nobody knows.

        Nothing is recorded. Raises as `answer`.
        """
        if self.pool is None or self._given_by != LIVE:
            return None
        return self.pool.ask((), call, writes=False, recorded=self.recording.find, settle=_bounded)

    def close(self) -> None:
        """Close idle worlds and the recording; both are opened again when needed."""
        if self.pool is not None:
            self.pool.close()
        self.recording.close()

    def _count(self, error: InfrastructureError) -> None:
        self._failures += 1
        if self._failures >= OUTAGE_AFTER:
            raise OutageError(
                f"{self._failures} calls of tools in a row failed: stopping, nothing is lost; resume the run when this "
                f"is put right: {error}"
            ) from error


def _bounded(answer: Answer) -> Answer:
    """What SQLite can hold of it."""
    text = answer.content[:_MOST_CHARS]
    return Answer(text.encode("utf-8", "replace").decode(), answer.error)
