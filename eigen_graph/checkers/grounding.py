"""Whether what a call writes had been told to its caller: no id, amount or date from nowhere.

What a caller may work out from what it knows is open-ended, so only what is certain is found. Without a source are a
text with digits in it, or a record's key, that nobody has told; a day that was not told and lies no told number of
days from one that was; a number that was not told and is no small count, no multiple of a step that the rules set, no
multiple or percentage of a price. Free words, flags, a tool's own options and times of day need no source.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from eigen_graph.checkers.reading import Reading, name_pattern

if TYPE_CHECKING:
    from eigen_graph.core import Actor, Database, Environment, Executed, Task, Trajectory

_FINGERS = 9
"""Whole numbers up to this are counted rather than told: "my wife, the kids and I"."""
_MOST_UNITS = 31
"""An amount may be a price times a number of nights, days or pieces up to this."""
_CENT = 0.0051
_LONG_RUN = 5
"""So many digits name a record without the letters around them: order 45678 is #W45678."""
_LONGEST_NAME = 200
_MOST_WORDS = 200
"""Words of one text that are looked at."""
_HAS_DIGIT = re.compile(r"\d").search
_FIGURE = re.compile(r"[0-9]|\W?[0-9][0-9,]*\.[0-9]+\W?|[0-9]{1,3}(?:,[0-9]{3})+")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?(?:z|[+-][0-9]{2}:?[0-9]{2})?\W*")


class Unfounded(NamedTuple):
    """An argument from nowhere."""

    at: int
    """Position of the message that made the call."""
    reason: str


def unfounded(task: Task, trajectory: Trajectory, start: Environment) -> Iterator[Unfounded]:
    """The arguments of writes that nothing before had told to whoever made the call.

    The agent knows the policy, the user their scenario, both what day it is; each hears the other's words and reads
    the results of their own tools. A call is not told what it asks with by its own answer: an id that is guessed in a
    look-up stays a guess. A day that one side has named, and the other has answered, is agreed on.

    Args:
        task: The task.
        trajectory: The dialogue.
        start: The world as the task finds it; only read.
    """
    domain = start.domain
    today = today_of(domain.now)
    parties: dict[Actor, Party] = {
        "assistant": Party(today, rules=(domain.policy.text, domain.now)),
        "user": Party(today, rules=(domain.now,), brief=str(task.user_scenario)),
    }
    databases: dict[Actor, Database | None] = {"assistant": start.agent_db, "user": start.user_db}
    calls: dict[int, list[Executed]] = defaultdict(list)
    for step in trajectory.calls():
        if step.result is not None:
            calls[step.at].append(step)
    for at, message in enumerate(trajectory.messages):
        for step in calls[at]:
            for name, value, schema in _written(step, start):
                lacking = parties[step.actor].lacking(value, schema, databases[step.actor])
                yield from (Unfounded(at, f"{step.call.name}: nothing told {name}={what}") for what in lacking)
        for step in calls[at]:
            parties[step.actor].read((step.result and step.result.content) or "", asked=step.call.arguments)
        if message.content and not message.tool_calls and message.role in ("user", "assistant"):
            other: Actor = "assistant" if message.role == "user" else "user"
            parties[message.role].say(message.content)
            parties[other].hear(message.content)


def _written(step: Executed, start: Environment) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Name, value and JSON schema of what a call writes; nothing for a look-up or a call of no tool."""
    side = start.domain.agent if step.actor == "assistant" else start.domain.user
    bound = side.toolbox.get(step.call.name) if side else None
    if bound is None or not bound.traits.writes or isinstance(step.call.arguments, str):
        return
    properties = bound.openai["function"].get("parameters", {}).get("properties", {})
    for name, value in step.call.arguments.items():
        yield name, value, properties.get(name, {})


class Party:
    """What one side has been told so far.

    Args:
        today: The present.
        rules: What it has known all along.
        brief: What it was told before the dialogue, by way of words.
    """

    def __init__(self, today: date, *, rules: tuple[str, ...], brief: str = "") -> None:
        self._today = today
        self._words = [Reading(brief, today)]
        """What was said to it, and what it said itself that has been answered."""
        self._told = [*(_lasting(text, today) for text in rules), *self._words]
        """All that is a source."""
        self._unanswered: list[Reading] = []

    def say(self, text: str) -> None:
        """Its own words to the other side."""
        self._unanswered.append(Reading(text, self._today))

    def hear(self, text: str) -> None:
        """The other side's words, which answer its own."""
        heard = Reading(text, self._today)
        self._told.append(heard)
        self._words += [*self._unanswered, heard]
        self._unanswered.clear()

    def read(self, result: str, asked: Any) -> None:
        """A tool's result, but for what its call had brought up itself."""
        guesses = [part for leaf in _leaves(asked) if isinstance(leaf, str) for part in self._untold(leaf)]
        self._told.append(Reading(result, self._today, filter(None, map(name_pattern, guesses))))

    def lacking(self, value: Any, schema: Mapping[str, Any], database: Database | None) -> Iterator[str]:
        """The parts of an argument that have no source, as they are to be shown."""
        options, types = _admitted(schema)
        for leaf in _leaves(value):
            if isinstance(leaf, str) and leaf not in options:
                is_key = database is not None and any(leaf in table for table in database.values())
                untold = [leaf] if is_key and not self.has_name(leaf) else self._untold(leaf)
                yield from (f"{part!r:.80}" for part in untold)
            elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
                number = _as_float(leaf)
                if not self.has_number(number, is_amount="number" in types):
                    yield f"{number:g}"

    def _untold(self, text: str) -> list[str]:
        """The parts of a text with digits in them that nobody has told."""
        if not _HAS_DIGIT(text) or (len(text) <= _LONGEST_NAME and self.has_name(text)):
            return []
        reading, untold = Reading(text, self._today), []
        rest = reading.plain
        for expression, days in reading.dated():
            if days:
                rest = rest.replace(expression, " ")
                if not any(map(self.has_day, days)):
                    untold.append(expression)
        for word in filter(_HAS_DIGIT, rest.split()[:_MOST_WORDS]):
            if len(word) > _LONGEST_NAME or _CLOCK.fullmatch(word) or self.has_name(word):
                continue
            figures = Reading(word, self._today).numbers if _FIGURE.fullmatch(word) else ()
            if not figures or not all(self.has_number(figure, is_amount=False) for figure in figures):
                untold.append(word)
        return untold

    def has_name(self, name: str) -> bool:
        """A source holds the name, in any dress."""
        runs = re.findall("[0-9]+", name)
        forms = [name, *(run for run in runs if len(runs) == 1 and len(run) >= _LONG_RUN)]
        patterns = list(filter(None, map(name_pattern, forms)))
        return not patterns or any(told.holds(pattern) for told in self._told for pattern in patterns)

    def has_day(self, day: date) -> bool:
        """A source holds the day, or one that lies a told number of days from it."""
        known = frozenset[date]().union(*(reading.days for reading in (*self._told, *self._words)))
        spans = frozenset[int]().union(*(words.spans for words in self._words))
        return day in known or any(abs((day - other).days) in spans for other in known)

    def has_number(self, number: float, *, is_amount: bool) -> bool:
        """A source holds the number, or it is one that needs none; an amount may also come of a price."""
        number = abs(number)
        if number == 0 or any(number in told.numbers for told in self._told):
            return True
        if isfinite(number) and any(number % step == 0 for told in self._told for step in told.steps):
            return True
        if not is_amount:
            return number.is_integer() and number <= _FINGERS
        prices = frozenset[float]().union(*(told.prices for told in self._told))
        shares = frozenset[float]().union(*(told.percentages for told in self._told))
        return isfinite(number) and any(_comes_of(number, price, shares) for price in prices if price > 0)


def _comes_of(amount: float, price: float, shares: frozenset[float]) -> bool:
    units = round(amount / price) if amount <= (_MOST_UNITS + 0.5) * price else 0
    if units and isclose(units * price, amount, rel_tol=0, abs_tol=_CENT):
        return True
    return any(isclose(price * share / 100, amount, rel_tol=0, abs_tol=_CENT) for share in shares)


def _leaves(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        else:
            yield item


def _admitted(schema: Any) -> tuple[set[str], set[str]]:
    """The texts that a schema names as options, and the types it names, at any depth."""
    options: set[str] = set()
    types: set[str] = set()
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            options.update(choice for choice in (*item.get("enum", ()), item.get("const")) if isinstance(choice, str))
            types.update(kind for kind in (item.get("type"),) if isinstance(kind, str))
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return options, types


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


@lru_cache(maxsize=64)
def _lasting(text: str, today: date) -> Reading:
    """A policy is read once, not once a dialogue."""
    return Reading(text, today)


def today_of(now: str) -> date:
    """The day of a domain's present."""
    try:
        return date.fromisoformat(now[:10])
    except ValueError:
        return date(2000, 1, 1)  # a domain whose clock is no date has no dates to go by
