"""Where the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import cleandoc
from typing import Any

from rich.console import Console
from rich.markup import escape

out = Console(emoji=False)  # a model called openai:x: is no cross mark
errors = Console(stderr=True, emoji=False)


def print_json(value: Any) -> None:
    """A result for machines, on stdout."""
    out.print_json(json.dumps(value, ensure_ascii=False))


def complain(text: str) -> None:
    """One line on stderr, whatever the text."""
    errors.print(f"[bold red]error:[/] {escape(' '.join(text.split()))}", soft_wrap=True, highlight=False)


def help_of(command: Callable[..., None]) -> str:
    """A command's docstring with its paragraphs unwrapped: the terminal wraps them as wide as it is."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(command.__doc__ or "").split("\n\n"))


def money(usd: float | None) -> str:
    """An amount in USD."""
    return "price unknown" if usd is None else f"${usd:.4f}" if 0 < usd < 1 else f"${usd:,.2f}"
