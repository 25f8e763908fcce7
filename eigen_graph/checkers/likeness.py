"""How alike two tasks are: in what the user wants, in the records concerned, and in what is done to them.

Names of tasks and actions, the persona, and the order of calls, setups and lists count for nothing.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from eigen_graph.core import Actor, Task

GOAL = 0.35
"""From here two wishes are one, reworded. Of all pairs of tau2's airline and retail tasks 99 % share less than 0.18 of
their word pairs; the variants that somebody wrote of one story share 0.34 to 1."""
RECORDS = 0.4
"""From here, with one wish, the records are the same: of two bookings of one guest, a third of the names agree."""
ACTIONS = 0.75
"""From here the deeds are the same: one argument in seven may differ, or a fourth call come to three."""
SOME_RECORDS = 0.2
"""What must agree when the deeds are the same. They name the records that they change, so this only keeps deeds without
arguments (restart the router) of two customers apart; a solution may have looked at much else on its way."""

_WORD = re.compile(r"[^\W\d_]+")
_MARKS = f"{string.punctuation}\u2018\u2019\u201c\u201d\u2026"
_NAME_WORDS = 4
"""A longer text in an argument is prose (the summary of a transfer), which nobody writes twice alike."""
_PROSE, _SAYS, _LOADS = "\x00prose", "\x00says", "\x00loads"
"""No value and no tool is called that."""
_OTHER_START = 0.999
"""At most, of starts that are not the same: two setups may have swapped an argument, which the facets do not show."""
_MANY = 1e18
"""No record is numbered that high."""
_DEEPEST = 16
"""Levels of a nested argument that are told apart."""

Who = tuple[Actor, str]
"""A tool and whose it is."""
_Call = tuple[Actor, str, Mapping[str, Any]]


class Similarity(NamedTuple):
    """How alike two tasks are, in parts from 0 to 1."""

    goal: float
    """Jaccard similarity of the word pairs of the wishes, numbers left out."""
    records: float
    """Jaccard similarity of the names and whole numbers in calls, setups and scenario."""
    actions: float | None
    """Jaccard similarity of what the solutions change, argument by argument; of what they look up, tell and reach
    where they change nothing. None: neither does anything at all."""
    start: float
    """1 when both begin in the same world, else the Jaccard similarity of the setups, argument by argument, below 1."""

    @property
    def near(self) -> bool:
        """Equal or nearly so: one start, and the same wish about the same records, or the same done to them."""
        same_wish = self.goal >= GOAL and self.records >= RECORDS
        same_deed = self.actions is not None and self.actions >= ACTIONS and self.records >= SOME_RECORDS
        return self.start == 1 and (same_wish or same_deed)

    @property
    def overall(self) -> float:
        """Mean of the parts; actions count as far as they set out from the same."""
        if self.actions is None:
            return (self.goal + self.records) / 2 * self.start
        return (self.goal + self.records + self.actions * self.start) / 3

    def __str__(self) -> str:
        """The parts as numbers."""
        actions = "none" if self.actions is None else f"{self.actions:.2f}"
        return f"goal {self.goal:.2f}, records {self.records:.2f}, actions {actions}, start {self.start:.2f}"


class Facets:
    """Calls, argument by argument: each weighs 1, shared by its arguments.

    Args:
        weights: Weight by facet.
    """

    __slots__ = ("_total", "_weights")

    def __init__(self, weights: Mapping[Hashable, float]) -> None:
        self._weights = weights
        self._total = math.fsum(weights.values())

    def __bool__(self) -> bool:
        return bool(self._weights)

    def jaccard(self, other: Facets) -> float:
        """Weighted Jaccard similarity; 1 when both are empty. Exact sums: the same either way."""
        mine, theirs = self._weights, other._weights
        shared = math.fsum(min(mine[facet], theirs[facet]) for facet in mine.keys() & theirs.keys())
        union = self._total + other._total - shared
        return shared / union if union else 1.0


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a task is compared; made once for each."""

    goal: frozenset[str]
    records: frozenset[str]
    actions: Facets
    setups: Facets
    starts: frozenset[Hashable]
    """Names of its start; two starts are the same when they share one."""

    @classmethod
    def of(cls, task: Task, *, reads: Collection[Who] = (), world: str | None = None) -> Outline:
        """Draw the outline of a task.

        Args:
            task: The task.
            reads: Tools that change nothing.
            world: Fingerprint of the world that it begins in, where that is known.
        """
        setups = _setups(task)
        starts: set[Hashable] = {frozenset(setups)}
        if world is not None:
            starts.add(world)
        calls: list[_Call] = [(action.requestor, action.name, action.arguments) for action in task.actions]
        writes = [call for call in calls if call[:2] not in reads]
        return cls(
            goal=_goal(task),
            records=_names(given for _, _, given in [*calls, *setups.values()]) | _told(task),
            actions=_facets(writes or [*calls, *_ends(task)]),
            setups=_facets(setups.values()),
            starts=frozenset(starts),
        )

    def compare(self, other: Outline) -> Similarity:
        """How alike two tasks are; the same either way."""
        same_start = not self.starts.isdisjoint(other.starts)
        return Similarity(
            goal=_jaccard(self.goal, other.goal),
            records=_jaccard(self.records, other.records),
            actions=self.actions.jaccard(other.actions) if self.actions or other.actions else None,
            start=1.0 if same_start else min(self.setups.jaccard(other.setups), _OTHER_START),
        )


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 1.0


def _goal(task: Task) -> frozenset[str]:
    told = task.user_scenario.instructions
    text = told if isinstance(told, str) else f"{told.reason_for_call}\n{told.task_instructions}"
    words = _WORD.findall(text.casefold())
    return frozenset(" ".join(words[at : at + 2]) for at in range(max(1, len(words) - 1))) if words else frozenset()


def _names(given: Iterable[Any]) -> frozenset[str]:
    """The names and whole numbers among arguments. A word in small letters (economy, damaged) is a choice, no name."""
    found: set[str] = set()
    for value in _leaves(list(given)):
        if isinstance(value, str):
            if not _prose(value) and any(letter.isdigit() or letter.isupper() for letter in value):
                found.add(_bare(value))
        elif isinstance(value, int | float) and not isinstance(value, bool) and _is_whole(value):
            found.add(str(int(value)))
    return frozenset(found - {""})


def _is_whole(value: float) -> bool:
    return abs(value) < _MANY and value == value // 1


def _told(task: Task) -> frozenset[str]:
    """The words with a digit that the user is told."""
    told = task.user_scenario.instructions
    text = told if isinstance(told, str) else f"{told.reason_for_call}\n{told.known_info}\n{told.task_instructions}"
    return frozenset(_bare(word) for word in text.split() if any(letter.isdigit() for letter in word))


def _bare(name: str) -> str:
    """Without what surrounds a name in a text: #W1, W1. and (w1) are one."""
    return name.strip(_MARKS).casefold()


def _ends(task: Task) -> list[_Call]:
    """What must be told and hold in the end."""
    told: list[_Call] = [("assistant", _SAYS, {"": _bare(fact)}) for fact in task.criteria.communicate_info or ()]
    asserted = task.criteria.env_assertions or ()
    return told + [(each.env_type, each.func_name, {**each.arguments, "": each.assert_value}) for each in asserted]


def _setups(task: Task) -> dict[Hashable, _Call]:
    """The different setups; data that is loaded before them is one."""
    initial = task.initial_state
    if initial is None:
        return {}
    done: list[_Call] = [
        (setup.env_type, setup.func_name, setup.arguments) for setup in initial.initialization_actions or ()
    ]
    if initial.initialization_data:
        done.append(("assistant", _LOADS, initial.initialization_data))
    return {(who, name, _plain(arguments)): (who, name, arguments) for who, name, arguments in done}


def _facets(calls: Iterable[_Call]) -> Facets:
    weights: defaultdict[Hashable, float] = defaultdict(float)
    for who, name, arguments in calls:
        if not arguments:
            weights[who, name] += 1.0
        for key, value in arguments.items():
            weights[who, name, key, _plain(value)] += 1 / len(arguments)
    return Facets(weights)


def _plain(value: Any, depth: int = 0) -> Hashable:
    """A value to be compared; the order of lists and the wording of prose do not count."""
    if isinstance(value, Mapping | list | tuple):
        if depth == _DEEPEST:
            return _PROSE
        if isinstance(value, Mapping):
            return frozenset((str(key), _plain(item, depth + 1)) for key, item in value.items())
        return frozenset(Counter(_plain(item, depth + 1) for item in value).items())
    if isinstance(value, bool) or (isinstance(value, float) and math.isnan(value)):  # True is 1, and no NaN is itself
        return f"{_PROSE} {value}"
    return _PROSE if _prose(value) else cast("Hashable", value)


def _prose(value: Any) -> bool:
    return isinstance(value, str) and len(value.split()) > _NAME_WORDS


def _leaves(value: Any) -> Iterator[Any]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, Mapping):
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
        else:
            yield one
