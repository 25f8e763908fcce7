"""Rows of an export as tokens, with a label where there is loss; and shown as text, so that people can see where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.gathering import Row

IGNORED = -100
"""The label of a token without loss, as torch has it."""
OPEN, CLOSE = "⟦", "⟧"
"""Around what is trained on, where it is shown."""


class Tokenized(NamedTuple):
    """Rows as a trainer takes them."""

    rows: list[dict[str, list[int]]]
    """`input_ids` and `labels`, of equal lengths."""
    too_long: int
    """Rows left out because they have more tokens than fit."""
    longest: int
    """Tokens of the longest row, those left out included."""
    trained: int
    """Tokens with loss."""

    @property
    def tokens(self) -> int:
        """All tokens of the rows."""
        return sum(len(row["input_ids"]) for row in self.rows)

    def __str__(self) -> str:
        """In words, for people."""
        left_out = f"; {self.too_long} too long, left out" if self.too_long else ""
        return (
            f"{len(self.rows)} rows, {self.tokens} tokens, {self.trained} of them trained on, longest "
            f"{self.longest}{left_out}"
        )


def tokenized(rows: Iterable[Row], chat: ChatFormat, max_tokens: int, *, what: str = "the rows") -> Tokenized:
    """Make token sequences of dialogues. None is cut: one that is too long is left out, and counted.

    Args:
        rows: With `messages`, `loss_mask` and `tools`, as `export` writes them.
        chat: Makes the tokens, as it does in rollouts.
        max_tokens: Of a row, at most.
        what: What to call the rows in an error.

    Raises:
        EigenGraphError: None is left, or one cannot be rendered.
    """
    kept: list[dict[str, list[int]]] = []
    lengths: list[int] = []
    trained = 0
    for row in rows:
        ids, mask = chat.sequence(row["messages"], row["loss_mask"], row.get("tools") or ())
        lengths.append(len(ids))
        if len(ids) <= max_tokens and any(mask):  # a row without loss would only cost time
            kept.append({"input_ids": ids, "labels": labelled(ids, mask)})
            trained += sum(mask)
    if not kept:
        raise EigenGraphError(
            f"{what}: none of {len(lengths)} fits into {max_tokens} tokens, the shortest has {min(lengths)}: raise "
            "model.max_tokens, take the template `short`, or select shorter dialogues (data.select.max_chars)"
            if lengths
            else f"{what}: there are none to train on"
        )
    return Tokenized(kept, sum(length > max_tokens for length in lengths), max(lengths), trained)


def labelled(ids: Sequence[int], mask: Sequence[int]) -> list[int]:
    """The token itself where there is loss on it, else what torch ignores."""
    return [token if flag else IGNORED for token, flag in zip(ids, mask, strict=True)]


def shown(row: dict[str, Any], tokenizer: Any, *, limit: int | None = None) -> str:
    """A tokenized row as text, with what is trained on between ⟦ and ⟧.

    Args:
        row: With `input_ids` and `labels`.
        tokenizer: Of transformers.
        limit: Characters of a stretch that is not trained on, at most; the middle of a longer one is left out.
    """
    return "".join(_pieces(row, tokenizer, limit))


def _pieces(row: dict[str, Any], tokenizer: Any, limit: int | None) -> Iterator[str]:
    pairs = zip(row["input_ids"], row["labels"], strict=True)
    for trained, run in groupby(pairs, key=lambda pair: pair[1] != IGNORED):
        ids = [token for token, _ in run]
        text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if trained:
            yield f"{OPEN}{text}{CLOSE}"
        elif limit is not None and len(text) > limit:
            yield f"{text[: limit // 2]} [...] {text[len(text) - limit // 2 :]}"
        else:
            yield text
