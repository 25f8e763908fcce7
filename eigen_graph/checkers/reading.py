"""What a text tells: the names, numbers and days that stand in it. English, and lenient: a doubt counts as told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cached_property

_FREE_SEPARATORS = 5
"""From so many letters and digits on, a name may be told with others between them: `LK 123456` for `LK-123456`."""
_NEAR_DAYS = 14
"""A weekday's name means one within so many days of the present."""

_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTS = {
    **{word: count for count, word in enumerate(_NUMERALS, 1)},
    **dict.fromkeys(("a", "an", "another", "alone", "myself", "single"), 1),
    **dict.fromkeys(("couple", "both", "pair"), 2),
    **dict.fromkeys(("dozen",), 12),
}
_COUNT = "|".join(_COUNTS)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AWAY = {"today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1}

_DAY, _MONTH = r"([0-9]{1,2})(?:st|nd|rd|th)?", rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAYS = rf"(?:{_DAY}\s*(?:-|to|until|till|through|and|or)\s*(?:the\s+)?)?{_DAY}"
_GROUP = re.compile(r"[^\W_]+")
_NUMBER = re.compile(
    r"(?<![^\W_])(?<![0-9][-:/])[0-9]++(?:,[0-9]{3})*+(?:\.[0-9]+)?+(?![-:/][0-9])"
)  # no part of a date
_ITEM = re.compile(r"^[ \t]*[0-9]+\.\s", re.MULTILINE)
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:%|per\s?cent)")
_STEP = re.compile(r"\b(?:step|multiple|increment)s?\s+of\s+([0-9]+(?:\.[0-9]+)?)")
_COUNTED = re.compile(rf"\b({_COUNT})\b")
_SPAN = re.compile(rf"\b([0-9]{{1,3}}|{_COUNT})[\s-]+(?:(?:more|extra|additional|further)\s+)?(day|night|week)s?\b")
_NEXT_DAY = re.compile(r"\b(?:next|following|previous)\s+(?:day|night)|\b(?:day|night)\s+(?:before|after)")


class Reading:
    """One text, read once, and no more of it than is asked for.

    Args:
        text: The text.
        today: The present, which "tomorrow" and a date without its year go by.
        blotted: Names that are not to be read where they stand in it.
    """

    def __init__(self, text: str, today: date, blotted: Iterable[re.Pattern[str]] = ()) -> None:
        self.plain = unicodedata.normalize("NFKC", text).casefold()
        for name in blotted:
            self.plain = name.sub(" ", self.plain)
        self._today = today

    def holds(self, name: re.Pattern[str]) -> bool:
        """Whether a name stands in it; see `name_pattern`."""
        return name.search(self.plain) is not None

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Every number, in digits or words, that is not the number of a list's item."""
        digits = {float(match[0].replace(",", "")) for match in _NUMBER.finditer(_ITEM.sub("", self.plain))}
        return frozenset(digits | {float(_COUNTS[match[1]]) for match in _COUNTED.finditer(self.plain)})

    @cached_property
    def prices(self) -> frozenset[float]:
        """The numbers that are written with decimals: what prices are like."""
        return frozenset(float(m[0].replace(",", "")) for m in _NUMBER.finditer(self.plain) if "." in m[0])

    @cached_property
    def percentages(self) -> frozenset[float]:
        """`30 %` as 30."""
        return frozenset(float(match[1]) for match in _PERCENT.finditer(self.plain))

    @cached_property
    def steps(self) -> frozenset[float]:
        """`in steps of 500` as 500."""
        return frozenset(step for match in _STEP.finditer(self.plain) if (step := float(match[1])))

    @cached_property
    def days(self) -> frozenset[date]:
        """Every day that may be meant."""
        return frozenset(day for _, days in self.dated() for day in days)

    @cached_property
    def spans(self) -> frozenset[int]:
        """Lengths of time in days: `3 nights`, `a week`, `the next day`."""
        found = {1} if _NEXT_DAY.search(self.plain) else set()
        for count, unit in (match.groups() for match in _SPAN.finditer(self.plain)):
            found.add((int(count) if count.isdigit() else _COUNTS[count]) * (7 if unit == "week" else 1))
        return frozenset(found)

    def dated(self) -> Iterator[tuple[str, set[date]]]:
        """Each expression that names days, and the days that it may mean; none when there is no such day."""
        for pattern, meant in _FORMS:
            for match in pattern.finditer(self.plain):
                yield match[0], set(meant(match, self._today))


def name_pattern(name: str) -> re.Pattern[str] | None:
    """What finds a name in a `Reading.plain`, whole and in any dress; None for one without a letter or digit."""
    groups = _GROUP.findall(unicodedata.normalize("NFKC", name).casefold())
    signs = "".join(groups)
    if not signs:
        return None
    body = r"[\W_]*".join(map(re.escape, signs if len(signs) >= _FREE_SEPARATORS else groups))
    if signs.isdigit():  # 302 is not told by 302.50, nor by 13:02
        return re.compile(rf"(?<![^\W_])(?<!\d[.:]){body}(?![^\W_])(?![.:]\d)")
    return re.compile(rf"(?<![^\W_]){body}(?![^\W_])")


def _day(year: int, month: int, day: int) -> Iterator[date]:
    try:
        yield date(year, month, day)
    except ValueError:
        return


def _any_year(month: int, day: int, today: date) -> Iterator[date]:
    for year in (today.year - 1, today.year, today.year + 1):
        yield from _day(year, month, day)


def _iso(match: re.Match[str], _: date) -> Iterator[date]:
    return _day(int(match[1]), int(match[2]), int(match[3]))


def _day_month(match: re.Match[str], today: date) -> Iterator[date]:
    return _of_month(match[3], (match[1], match[2]), match[4], today)


def _month_day(match: re.Match[str], today: date) -> Iterator[date]:
    return _of_month(match[1], (match[2], match[3]), match[4], today)


def _of_month(month: str, days: tuple[str | None, ...], year: str | None, today: date) -> Iterator[date]:
    number = _MONTHS.index(month) + 1
    for day in (int(day) for day in days if day):
        yield from _day(int(year), number, day) if year else _any_year(number, day, today)


def _slashed(match: re.Match[str], today: date) -> Iterator[date]:
    for day, month in ((int(match[1]), int(match[2])), (int(match[2]), int(match[1]))):
        yield from _day(int(match[3]), month, day) if match[3] else _any_year(month, day, today)


def _ordinal(match: re.Match[str], today: date) -> Iterator[date]:
    for month in range(1, 13):
        yield from _any_year(month, int(match[1]), today)


def _away(match: re.Match[str], today: date) -> Iterator[date]:
    yield today + timedelta(days=_AWAY[match[1]])


def _weekday(match: re.Match[str], today: date) -> Iterator[date]:
    for days in range(-_NEAR_DAYS, _NEAR_DAYS + 1):
        if (day := today + timedelta(days=days)).weekday() == _WEEKDAYS.index(match[1]):
            yield day


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], Iterator[date]]], ...] = (
    (re.compile(r"\b([0-9]{4})-([0-9]{2})-([0-9]{2})(?:t(?=[0-9])|\b)"), _iso),
    (re.compile(rf"\b{_DAYS}\s+(?:of\s+)?{_MONTH}(?:,?\s+([0-9]{{4}}))?\b"), _day_month),
    (re.compile(rf"\b{_MONTH}\s+(?:the\s+)?{_DAYS}(?:,?\s+([0-9]{{4}}))?\b"), _month_day),
    (re.compile(r"\b([0-9]{1,2})/([0-9]{1,2})(?:/([0-9]{4}))?\b"), _slashed),
    (re.compile(rf"\b({'|'.join(_AWAY)})\b"), _away),
    (re.compile(rf"\b({'|'.join(_WEEKDAYS)})s?\b"), _weekday),
    (re.compile(r"\bthe\s+([0-9]{1,2})(?:st|nd|rd|th)\b"), _ordinal),
)
