"""What is said in a dialogue that is made of a task's own calls: plain words, no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_STAGE_DIRECTION = re.compile(r"\bagent\b|\brepresentative asks\b|^if (?:not|they)\b", re.IGNORECASE)
_OBJECT = (
    r"(to|for|with|from|of|by|at|on|about|tells?|told|gives?|gave|lets?|helps?|helped|asks?|asked|offers?|allows?|"
    r"sends?|sent|charged?|refund|costs?|caused|makes?|made|owes?|shows?|assured?|informs?|informed)"
)
_TURNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), turned)
    for pattern, turned in (
        (r"\byou are\b", "I am"),
        (r"\bare you\b", "am I"),
        (r"\byou were\b", "I was"),
        (r"\byou['\u2019]re\b", "I'm"),
        (r"\byou(['\u2019](?:ve|d|ll))", r"I\1"),
        (r"\byourself\b", "myself"),
        (r"\byours\b", "mine"),
        (r"\byour\b|\byou(?= name is\b)", "my"),
        (rf"\b{_OBJECT} you\b", r"\1 me"),
        (r"\byou\b", "I"),
    )
)
_MOST_CHARS = 200


def first_person(told: str | None) -> str:
    """What a user was told of themselves, as they would say it: `You are Mei` becomes `I am Mei`.

    Sentences about what the agent might do are left out: they are for the user to go by, not to say.
    """
    sentences = [sentence.strip() for sentence in _SENTENCES.split(told or "") if sentence.strip(" .")]
    return " ".join(_turned(sentence) for sentence in sentences if not _STAGE_DIRECTION.search(sentence))


def deed(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as people put it: `refuel data (customer id: C1001, gb amount: 2.0)`."""
    given = ", ".join(f"{_words(key)}: {', '.join(_values(value))}" for key, value in arguments.items())
    return f"{_words(name)} ({given})" if given else _words(name)


def seen(result: str) -> str:
    """What a user says of a result on their own device: its first line."""
    line = next((line.strip() for line in result.splitlines() if line.strip()), "")
    return line if len(line) <= _MOST_CHARS else f"{line[:_MOST_CHARS]}..."


def _turned(sentence: str) -> str:
    for pattern, turned in _TURNS:
        sentence = pattern.sub(turned, sentence)
    return sentence[:1].upper() + sentence[1:]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield " ".join(text for item in value.values() for text in _values(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)
    else:
        yield str(value)
