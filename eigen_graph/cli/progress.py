"""How a run is going: two live lines on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text

from eigen_graph.models import Meter
from eigen_graph.runs import Counts

_PLAIN_EVERY_S = 10.0


class RunProgress:
    """Counts the events of a run and shows them; use it as `async with`.

    Args:
        console: Where to print.
        wanted: How many are asked for.
        before: What earlier processes of this run came to.
        meter: What was spent.
        quiet: Show nothing.
    """

    GOAL = "accepted"
    """What is counted."""

    def __init__(self, console: Console, wanted: int, before: Counts, meter: Meter, *, quiet: bool = False) -> None:
        self._console, self._wanted, self._meter, self._quiet = console, wanted, meter, quiet
        self._before = self._accepted = before.accepted
        self._lost = Counter(before.by_blame)
        self._began = time.monotonic()
        self._ticker: asyncio.Task[None] | None = None
        self._live = _Lines(
            self._rest,
            TextColumn(self.GOAL),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            refresh_per_second=4,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._live.add_task("", total=wanted, completed=min(self._accepted, wanted), left="")

    async def __aenter__(self) -> Self:
        self._live.start()
        if not self._quiet and not self._console.is_terminal:
            self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        self._live.stop()
        self.note(self.line())

    def note(self, text: str) -> None:
        """Say something, above the live lines."""
        if not self._quiet:
            self._live.console.print(escape(text), highlight=False, soft_wrap=not self._console.is_terminal)

    def add(self, event: dict[str, Any]) -> None:
        """Count one finished instance, or say what an evolving run does now. Trials are no part of the counts."""
        if "phase" in event:
            self.note(event["phase"])
            if "accepted" in event:  # what a trial's winner made has entered the data set
                self._accepted, self._lost = event["accepted"], Counter(event["lost"])
            return
        if event.get("trial"):
            return
        if event["fate"] == "accepted":
            self._accepted += 1
        else:
            self._lost[event["blame"] or "unknown"] += 1
        self._advance()

    def _advance(self) -> None:
        self._live.update(self._task, completed=min(self._accepted, self._wanted), left=self._left())

    def line(self) -> str:
        """The state of the run in one line."""
        parts = (f"{self.GOAL} {self._accepted} of {self._wanted}", self._rest(), self._left())
        return "; ".join(part for part in parts if part)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_PLAIN_EVERY_S)
            self.note(self.line())

    def _rest(self) -> str:
        parts = self._outcome()
        usage = self._meter.total
        tokens = self._meter.before_tokens + usage.input_tokens + usage.output_tokens
        usd = self._meter.before_usd + usage.cost_usd
        parts.append(f"{tokens:,} tokens")
        if usd:
            parts.append(f"${usd:.2f}")
        return "; ".join(parts)

    def _outcome(self) -> list[str]:
        """What became of those that are no goal."""
        blamed = ", ".join(f"{blame} {count}" for blame, count in self._lost.most_common())
        return [f"rejected {self._lost.total()} ({blamed})"] if self._lost else []

    def _left(self) -> str:
        gained, took = self._accepted - self._before, time.monotonic() - self._began
        if not gained or self._accepted >= self._wanted:
            return ""
        return f"about {_duration((self._wanted - self._accepted) * took / gained)} left"


class EpisodeProgress(RunProgress):
    """The same for the episodes of an evaluation."""

    GOAL = "played"

    def add(self, event: dict[str, Any]) -> None:
        """Count one finished episode."""
        self._accepted += 1
        self._lost[event["outcome"]] += 1
        self._advance()

    def _outcome(self) -> list[str]:
        return [f"{name} {count}" for name, count in sorted(self._lost.items(), key=lambda item: item[0] != "solved")]


class _Lines(Progress):
    """The bar, and under it a line that is cut at the terminal's edge rather than wrapped."""

    def __init__(self, below: Callable[[], str], *columns: ProgressColumn, **options: Any) -> None:
        self._below = below
        super().__init__(*columns, **options)

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is drawn."""
        yield self.make_tasks_table(self.tasks)
        yield Text(self._below(), style="dim", no_wrap=True, overflow="ellipsis")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
