"""A bound on tau2's `calculate`: it evaluates what it is given, and `9**9**9**9` would never come back."""

from __future__ import annotations

import ast
import math
from typing import Any

_MAX_CHARS = 2_000
_MAX_DIGITS = 10_000.0
"""Far more than a float can hold (309): such a result fails in tau2 too, only much later. The bound below is a rough
one, so a limit near 309 would refuse what tau2 computes (`2**1000`)."""


def check_expression(expression: Any) -> None:
    """Let pass what can be evaluated at once.

    Args:
        expression: What the model asked for; what is no expression at all is left to tau2 to refuse.

    Raises:
        ValueError: It is too long.
        OverflowError: It has a power too large for a float; in tau2's words for that.
    """
    if not isinstance(expression, str):
        return
    if len(expression) > _MAX_CHARS:
        raise ValueError(f"Expression is too long ({len(expression)} characters, at most {_MAX_CHARS})")
    if "**" not in expression:
        return
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    _digits(tree.body)


def _digits(node: ast.expr) -> float:
    """An upper bound of a value's digits, a digit for what is small."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return math.log10(abs(node.value) + 1) if abs(node.value) < math.inf else _MAX_DIGITS
    if isinstance(node, ast.UnaryOp):
        return _digits(node.operand)
    if isinstance(node, ast.BinOp):
        left, right = _digits(node.left), _digits(node.right)
        if not isinstance(node.op, ast.Pow):
            return left + right + 1
        if right > math.log10(_MAX_DIGITS) + 1 or left * 10**right > _MAX_DIGITS:
            raise OverflowError("int too large to convert to float")
        return float(left * 10**right)
    return 1.0
