"""Values in a text: codes, numbers, days, addresses and names. What a paraphrase must keep, and may not make up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple, Protocol

from eigen_graph.checkers.reading import Reading, name_pattern

_LONGEST = 100
"""Characters of one value that are looked at."""
_MOST = 200
"""Values of one text that are looked at."""
_LONG_RUN = 4
"""So many digits name a thing without the letters around them: booking 4010530 is B4010530."""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,6}")
_SPEECH = re.compile(
    r"\b24/7\b|\b100\s?(?:%|per\s?cent\b)"  # no figures, but a way of speaking
    r"|\b\d{1,2}(?::\d{2})?\s?(?:[ap]\.?m\b\.?|o'clock\b)|\b\d{1,2}:\d{2}(?::\d{2})?\b"  # times of day need no source
)
_TOKEN = re.compile(r"[^\W_]+")
_JOINTS = frozenset((" ", "-", ".", "/", ",", ":", "#"))
_HAS_DIGIT = re.compile(r"\d").search
_FIGURE = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_WITH_UNIT = re.compile(
    r"(\d+(?:\.\d+)?)(?:st|nd|rd|th|x|[kmgt]?b(?:ps|it|its|yte|ytes)?|[kmg]?hz|[ckm]?m|kg|g|l|h|hrs?|hours?|mins?|s|secs?"
    r"|days?|nights?|eur|euros?|usd|gbp)"
)
_DIGITS = re.compile(r"\d+")
_NAME_WORD = r"[A-Z][a-z]+(?:['\u2019-][A-Z]?[a-z]+)?"
_NAMES = re.compile(rf"\b{_NAME_WORD}(?: {_NAME_WORD})+")
_INTRODUCED = re.compile(
    rf"\b(?:[Mm]y (?:full )?name(?: is|'s|\u2019s|:)|[Nn]ame:|Mrs?\.?|Ms\.?|Dr\.?) ({_NAME_WORD}(?: {_NAME_WORD})*)"
)
_NO_NAMES = frozenset(
    _TOKEN.findall("""
    a all also and any as at but can could did do does for from good great hello hey hi how however i if in is it just
    later lovely many may maybe my no not now of ok okay on one or perfect please right so sorry sure thank thanks
    that the then there this to very was we well what when where which who why will wonderful would yes you your mr
    mrs ms dr sir madam morning afternoon evening night day dear everyone everything monday tuesday wednesday thursday
    friday saturday sunday january february march april june july august september october november december
    """)
)
"""Words that may begin large, and name nobody."""


class Value(NamedTuple):
    """Something in a text that is right or wrong, however the words around it are put."""

    text: str
    kind: Literal["code", "day", "address", "name"]
    """`code`: with digits in it, be it a number or an id."""
    days: frozenset[date] = frozenset()
    """That a `day` may mean."""


class Source(Protocol):
    """What may hold a value; `checkers.grounding.Party` is one."""

    def has_name(self, name: str) -> bool:
        """It holds the name, in any dress."""

    def has_number(self, number: float, *, is_amount: bool) -> bool:
        """It holds the number."""

    def has_day(self, day: date) -> bool:
        """It holds the day."""


class Text:
    """A text as a source of values: what is not written in it, it does not hold.

    Args:
        text: The text.
        today: The present, which a date without its year goes by.
    """

    def __init__(self, text: str, today: date) -> None:
        self._reading = Reading(text, today)
        self._digits = frozenset(_DIGITS.findall(self._reading.plain))

    def has_name(self, name: str) -> bool:
        """It holds the name, or the digits that name the thing alone."""
        pattern = name_pattern(name)
        if pattern is None or self._reading.holds(pattern):
            return True
        runs = [run for run in _DIGITS.findall(name) if len(run) >= _LONG_RUN]
        return len(runs) == 1 and runs[0] in self._digits

    def has_number(self, number: float, *, is_amount: bool) -> bool:  # noqa: ARG002  # the same for every number
        """It holds the number, in digits or words."""
        return number in self._reading.numbers

    def has_day(self, day: date) -> bool:
        """It names the day."""
        return day in self._reading.days


def values_in(text: str, today: date) -> list[Value]:
    """The values of a text that need a source; times of day and words such as "tomorrow" are none.

    Args:
        text: The text.
        today: The present, which a date without its year goes by.
    """
    rest = unicodedata.normalize("NFKC", text)
    found = [Value(name, "name") for name in _names_in(rest)]
    for match in _EMAIL.finditer(rest):
        found.append(Value(match[0], "address"))
        rest = rest.replace(match[0], " ; ")
    rest = _SPEECH.sub(" ; ", rest.casefold())
    for expression, days in Reading(rest, today).dated():
        if days and _HAS_DIGIT(expression) and expression in rest:
            found.append(Value(expression, "day", frozenset(days)))
            rest = rest.replace(expression, " ; ")
    found += (Value(code, "code") for code in _codes_in(rest))
    return list(dict.fromkeys(found))[:_MOST]


def lacking(value: Value, source: Source) -> list[str]:
    """The parts of a value that a source does not hold, as they are written; none: it holds the value."""
    if len(value.text) > _LONGEST:
        return [value.text[:_LONGEST]]
    if source.has_name(value.text) or any(map(source.has_day, value.days)):
        return []
    if value.kind == "name":
        return [word for word in value.text.split() if not source.has_name(word)]
    if value.kind != "code":
        return [value.text]
    pieces = value.text.split()
    missing = [piece for piece in pieces if not _holds(source, piece)]
    return [value.text] if len(missing) == len(pieces) else missing


def _holds(source: Source, code: str) -> bool:
    if source.has_name(code):
        return True
    if _FIGURE.fullmatch(code):
        is_name = code.startswith("0") and code != "0" and "." not in code
        return not is_name and source.has_number(float(code.replace(",", "")), is_amount="." in code)
    if with_unit := _WITH_UNIT.fullmatch(code):
        return source.has_number(float(with_unit[1]), is_amount=False)
    parts = [part for part in _TOKEN.findall(code) if _HAS_DIGIT(part)]
    return parts != [code] and all(_holds(source, part) for part in parts)


def _codes_in(text: str) -> Iterator[str]:
    """Tokens with digits in them; neighbours are one: `0700 801 651`, `B5 0GP`, `1,200.50`."""
    start = end = -1
    for match in _TOKEN.finditer(text):
        if not _HAS_DIGIT(match[0]):
            continue
        if start >= 0 and text[end : match.start()] in _JOINTS:
            end = match.end()
            continue
        if start >= 0:
            yield text[start:end]
        start, end = match.span()
    if start >= 0:
        yield text[start:end]


def _names_in(text: str) -> Iterator[str]:
    """What looks like a person's or a place's name: two words or more that begin large, or one that is introduced."""
    for match in (*_NAMES.finditer(text), *_INTRODUCED.finditer(text)):
        whole = match[match.lastindex or 0]
        words = whole.split()
        while words and words[0].casefold() in _NO_NAMES:
            del words[0]
        if len(words) > 1 or (words and match.lastindex):
            yield " ".join(words)
