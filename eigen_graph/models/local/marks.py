"""Words that a tokenizer reads as structure: kept out of what others say, so that no text can open or close a turn."""

from __future__ import annotations

import re
from typing import Any

from eigen_graph.models.reply import scrub

CALL_MARKS = ("<tool_call>", "</tool_call>")
"""Around a call that a model makes."""
MARKS = (*CALL_MARKS, "<tool_response>", "</tool_response>")
"""Around calls and results."""


class Marks:
    """The special tokens of a tokenizer, as text.

    A dialogue's texts are rendered by a template and only then encoded, so a text that holds `<|im_end|>` would end
    its own turn. Such words get a space after their first character, which leaves them readable.

    Args:
        tokenizer: Of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        special = {token for token in {*added, *tokenizer.all_special_tokens} if token.strip()}
        self._own = _pattern(special - set(MARKS))
        self._others = _pattern(special | set(MARKS))

    def defused(self, value: Any, *, own: bool) -> Any:
        """A text, or all texts in a JSON value, in which no such word is left.

        Args:
            value: The text or value.
            own: It is the model's own: then the marks of tool calls stay, for it may have spelled one wrongly.
        """
        if isinstance(value, str):
            value = scrub(value)
            pattern = self._own if own else self._others
            while pattern.search(value):  # a broken word may complete another
                value = pattern.sub(_broken, value)
            return value
        if isinstance(value, dict):
            return {self.defused(key, own=own): self.defused(item, own=own) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.defused(item, own=own) for item in value]
        return value


def _pattern(words: set[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _broken(match: re.Match[str]) -> str:
    word = match[0]
    return f"{word[0]} {word[1:]}" if len(word) > 1 else " "
