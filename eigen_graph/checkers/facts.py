"""Whether somebody said something: words as words, numbers as numbers, whatever their dress."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_DATE_TIME = re.compile(r"(?<=\d)[Tt](?=\d\d:)")
_TOKEN = re.compile(
    r"""
    # dates, times, ids and ranges are one thing: 2025-06-02, 14:00, RES-1001
    (?P<joined>[^\W_]+(?:(?:-|(?<=\d)[/:])\d[^\W_]*)+)
    # -1,200.00 or 50 (in 50Mbps), but not the 12 of room 12A
    | (?:(?P<minus>(?<![^\W_])-)?[$€£]?(?=\d)|)
      (?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![^\W_])|\d+(?:\.\d+)?(?=[^\W\d_]{2}|(?![^\W_])))
    | (?P<percent>%)
    | (?P<word>[^\W_]+)
    """,
    re.VERBOSE,
)
_WORDS = {"percent": "%"}
_GAP = "\x1f"


def says(texts: Iterable[str], fact: str) -> bool:
    """Whether one of the texts holds the fact.

    Case, punctuation and currency signs don't matter; a fact's words and numbers must stand together and whole.
    `1200` is said by `$1,200.00`; `4` is not by `$480`, nor by `4.5`, nor by `2025-06-04`. A number with leading
    zeros is a name, not an amount. A fact without any word or number is looked for as it stands.
    """
    return not unsaid(texts, (fact,))


def unsaid(texts: Iterable[str], facts: Iterable[str]) -> list[str]:
    """The facts that none of the texts holds; see `says`."""
    texts = list(texts)
    tokens = [_tokens(text) for text in texts]
    missing = []
    for fact in facts:
        wanted = _tokens(fact)
        if wanted == _GAP:
            said = any(fact.strip() in text for text in texts) or not fact.strip()
        else:
            said = any(wanted in text for text in tokens)
        if not said:
            missing.append(fact)
    return missing


def _tokens(text: str) -> str:
    """The tokens, each between two gaps, so that a run of whole tokens is a substring."""
    plain = _DATE_TIME.sub(" ", unicodedata.normalize("NFKC", text).translate(_DASHES)).casefold()
    return _GAP + "".join(f"{_token(match)}{_GAP}" for match in _TOKEN.finditer(plain))


def _token(match: re.Match[str]) -> str:
    number = match["number"]
    if number is None:
        word = match["joined"] or match["percent"] or match["word"]
        return _WORDS.get(word, word)
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    number = number.replace(",", "")
    return f"-{number}" if match["minus"] and number.strip("0.") else number
