"""A policy in Markdown whose numbered clauses can be addressed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from eigen_graph.core.errors import UnknownNameError

_CLAUSE = re.compile(r"^(?P<id>\d+(?:\.\d+)*)[.)]\s+(?P<text>.*)$")
_ENDS = re.compile(r"^(#|[-*+]\s)")
"""A heading, or an item of another list."""
_ITEM = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
_TAG = re.compile(r"^</?\w+>$")
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_LEAST_WORDS = 4


@dataclass(frozen=True)
class Policy:
    """The rules an agent works under.

    A clause is a list item that starts a line with its number (`7. Cancel only ...`, `7.2) ...`) and runs to the next
    clause, heading, bullet, or blank line followed by unindented text.
    """

    text: str

    @cached_property
    def clauses(self) -> dict[str, str]:
        """Text of each clause by its number, in order."""
        found: dict[str, list[str]] = {}
        current: list[str] | None = None
        after_blank = False
        for line in self.text.splitlines():
            if match := _CLAUSE.match(line):
                current = found.setdefault(match["id"], [])
                current.append(match["text"].strip())
            elif _ENDS.match(line) or (after_blank and line.strip() and not line.startswith((" ", "\t"))):
                current = None
            elif current is not None and line.strip():
                current.append(line.strip())
            after_blank = not line.strip()
        return {number: " ".join(lines) for number, lines in found.items()}

    def clause(self, number: str) -> str:
        """One clause.

        Raises:
            UnknownNameError: There is no clause of that number.
        """
        try:
            return self.clauses[number]
        except KeyError:
            raise UnknownNameError(f"the policy has no clause {number!r}; it has {', '.join(self.clauses)}") from None

    def tools_named_in(self, number: str) -> tuple[str, ...]:
        """Tool names that a clause mentions in backticks: what it binds."""
        return tuple(dict.fromkeys(re.findall(r"`([A-Za-z_][\w-]*)`", self.clause(number))))


@dataclass(frozen=True)
class PlainPolicy(Policy):
    """A policy whose author numbered nothing: every paragraph and list item that says something is a clause.

    They are numbered in order. Headings, markup tags, items of less than four words (names of fields) and words that
    only introduce a list are none.
    """

    @cached_property
    def clauses(self) -> dict[str, str]:
        """Text of each clause by its number, in order."""
        blocks: list[list[str]] = []
        ended = True
        for line in self.text.splitlines():
            text = line.strip()
            if not text or text.startswith("#") or _TAG.match(text):
                ended = True
            elif ended or _ITEM.match(text):
                blocks.append([_ITEM.sub("", text)])
                ended = False
            else:
                blocks[-1].append(text)
        texts = (" ".join(lines) for lines in blocks)
        rules = (text for text in texts if len(text.split()) >= _LEAST_WORDS and not text.endswith(":"))
        return {str(number): text for number, text in enumerate(rules, 1)}

    def tools_named_in(self, number: str) -> tuple[str, ...]:
        """Names of two words or more that a clause mentions, which may be tools: nobody set them in backticks."""
        return tuple(dict.fromkeys(_NAME.findall(self.clause(number))))
