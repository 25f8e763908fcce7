"""Worlds behind the tools, each named by what was written in it, so that no episode sees another's writes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from eigen_graph.core import EigenGraphError, InfrastructureError
from eigen_graph.domains.foreign.source import Answer, Call, History, Session, Source, ToolSpec

_ENOUGH = 4
"""Worlds from which on an idle one is rather put back to its beginning than another opened."""
_PATIENCE = 600.0
"""Seconds to wait for a world that others are using."""


class NotRepeatableError(InfrastructureError):
    """The same writes, made again, were answered otherwise: the world cannot be brought back to where it was."""


@dataclass(eq=False)
class _World:
    session: Session
    history: History | None
    """None: nobody knows what is in it; it must go back to its beginning before it is used."""
    used: float = 0.0


class Pool:
    """The open worlds of one source.

    A world in which nothing was written can become any; one in which something was written can only be gone on with.

    Args:
        source: What opens them.
        known: The tools as the domain has them: a source that offers others is refused.
        varying: Fields of answers whose values the source draws anew each time (times, say): they may differ when a
            world is brought back.
    """

    def __init__(self, source: Source, known: tuple[ToolSpec, ...], varying: Collection[str] = ()) -> None:
        self._source = source
        self._known = known
        self._varying = frozenset(varying)
        self._idle: list[_World] = []
        self._open = 0
        self._changed = threading.Condition()

    def ask(
        self,
        history: History,
        call: Call,
        *,
        writes: bool,
        recorded: Callable[[History, Call], Answer | None],
        settle: Callable[[Answer], Answer],
    ) -> Answer:
        """Make a call in a world with this history.

        Args:
            history: What has been written.
            call: The call.
            writes: Its tool may write.
            recorded: What a call of the history was answered.
            settle: Records the answer; gives the one that stands.

        Raises:
            InfrastructureError: There is no answer, or the world cannot be brought back.
        """
        world = self._take(history)
        try:
            for done in range(len(world.history or ()), len(history)):
                before, write = history[:done], history[done]
                self._compare(write, world.session.call(write.tool, write.decoded()), recorded(before, write))
            answer = world.session.call(call.tool, call.decoded())
            standing = settle(answer)
        except BaseException:
            self._drop(world)
            raise
        if writes and (answer.error or standing != answer):
            world.history = None  # a write that was refused may have left something behind
        else:
            world.history = (*history, call) if writes else history
        self._give(world)
        return standing

    def close(self) -> None:
        """Close what is idle."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for world in idle:
            world.session.close()

    def _take(self, history: History) -> _World:
        until = time.monotonic() + _PATIENCE
        with self._changed:
            while True:
                if world := self._nearest(history):
                    self._idle.remove(world)
                    return world
                if spare := self._spare():
                    self._idle.remove(spare)
                    break
                if self._open < self._source.worlds:
                    self._open += 1
                    break
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    raise InfrastructureError(f"all worlds of {self._source.place} were in use for {_PATIENCE:g} s")
        try:
            return self._begun(spare)
        except BaseException:
            with self._changed:
                self._open -= 1
                self._changed.notify()
            raise

    def _nearest(self, history: History) -> _World | None:
        known = [(world.history, world) for world in self._idle if world.history is not None]
        fitting = [(len(written), world) for written, world in known if written == history[: len(written)]]
        return max(fitting, key=lambda pair: pair[0], default=(0, None))[1]

    def _spare(self) -> _World | None:
        """An idle world that nobody will miss: one that nobody knows, or the longest unused where there are enough."""
        if unknown := next((world for world in self._idle if world.history is None), None):
            return unknown
        enough = self._open >= min(_ENOUGH, self._source.worlds)
        return min(self._idle, key=lambda world: world.used) if self._idle and enough else None

    def _begun(self, spare: _World | None) -> _World:
        """A world at its beginning: the spare one put back, or else a new one."""
        if spare is not None:
            try:
                if spare.session.restart():
                    return _World(spare.session, ())
            except InfrastructureError:
                pass  # it may be this world alone that has died
            spare.session.close()
        session = self._source.open()
        if session.tools is not None and (different := changed(self._known, session.tools)):
            session.close()
            raise EigenGraphError(
                f"{self._source.place} has other tools than when the recording was begun ({different}): move the "
                f"recording away to begin a new one, or say `answers: recorded`"
            )
        return _World(session, ())

    def _give(self, world: _World) -> None:
        world.used = time.monotonic()
        with self._changed:
            self._idle.append(world)
            self._changed.notify()

    def _drop(self, world: _World) -> None:
        world.session.close()
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _compare(self, write: Call, again: Answer, before: Answer | None) -> None:
        if before is None or self._same(again, before):
            return
        raise NotRepeatableError(
            f"{self._source.place} cannot be brought back: {write.tool} was answered {before.content!r:.80} first and "
            f"{again.content!r:.80} when the same was written again from the beginning; if it draws times or ids, name "
            f"those fields in the manifest's `state: varying`"
        )

    def _same(self, one: Answer, other: Answer) -> bool:
        if one == other:
            return True
        if one.error != other.error or not self._varying:
            return False
        try:
            return bool(self._kept(json.loads(one.content)) == self._kept(json.loads(other.content)))
        except (ValueError, RecursionError):
            return False

    def _kept(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._kept(item) for name, item in value.items() if name not in self._varying}
        return [self._kept(item) for item in value] if isinstance(value, list) else value


def changed(before: tuple[ToolSpec, ...], now: tuple[ToolSpec, ...]) -> str:
    """What differs between two descriptions of a source's tools, in a few words; empty when nothing does."""
    old, new = {tool.name: tool for tool in before}, {tool.name: tool for tool in now}
    gone, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    other = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    parts = [("gone", gone), ("new", added), ("described otherwise", other)]
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)
