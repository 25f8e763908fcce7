"""How a run is going: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eigen_graph.models import Meter

_PLAIN_EVERY_S = 10.0


class RunProgress:
    """Counts the events of a run and shows them.

    Args:
        console: Where to print.
        wanted: Accepted dialogues asked for.
        accepted: Accepted by an earlier process of this run.
        meter: What was spent.
        quiet: Show nothing.
    """

    def __init__(self, console: Console, wanted: int, accepted: int, meter: Meter, *, quiet: bool = False) -> None:
        self._console, self._wanted, self._meter, self._quiet = console, wanted, meter, quiet
        self._before = self._accepted = accepted
        self._lost: Counter[str] = Counter()
        self._began = self._spoke = time.monotonic()
        self._bar = Progress(
            TextColumn("accepted"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=wanted, completed=accepted, rest="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if not self._quiet:
            self._console.print(self.line(), highlight=False)

    def note(self, text: str) -> None:
        """Say something beside the bar."""
        if not self._quiet:
            self._bar.console.print(text, highlight=False)

    def add(self, event: dict[str, Any]) -> None:
        """Count one finished instance."""
        if event["fate"] == "accepted":
            self._accepted += 1
        else:
            self._lost[event["blame"] or "unknown"] += 1
        self._bar.update(self._task, completed=self._accepted, rest=self._rest())
        now = time.monotonic()
        if not self._quiet and not self._console.is_terminal and now - self._spoke >= _PLAIN_EVERY_S:
            self._spoke = now
            self._console.print(self.line(), highlight=False)

    def line(self) -> str:
        """The state of the run in one line."""
        return f"accepted {self._accepted}/{self._wanted}{self._rest()}"

    def _rest(self) -> str:
        parts = []
        if self._lost:
            blamed = ", ".join(f"{blame} {count}" for blame, count in self._lost.most_common())
            parts.append(f"rejected {self._lost.total()} ({blamed})")
        usage = self._meter.total
        tokens = self._meter.before_tokens + usage.input_tokens + usage.output_tokens
        usd = self._meter.before_usd + usage.cost_usd
        parts.append(f"{tokens:,} tokens" + (f", ${usd:.2f}" if usd else ""))
        gained, took = self._accepted - self._before, time.monotonic() - self._began
        if gained and self._accepted < self._wanted:
            parts.append(f"about {_duration((self._wanted - self._accepted) * took / gained)} left")
        return "; " + "; ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
