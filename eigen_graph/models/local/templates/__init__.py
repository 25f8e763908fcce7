"""Chat templates for models that bring none that fits: `hermes`, and `short` for a small context."""

from __future__ import annotations

from importlib import resources

from eigen_graph.core import UnknownNameError

NAMES = ("hermes", "short")
"""Templates that come with the package."""


def template(name: str) -> str:
    """The Jinja text of a template.

    Args:
        name: One of `NAMES`.

    Raises:
        UnknownNameError: There is none of this name.
    """
    if name not in NAMES:
        raise UnknownNameError(f"no chat template {name!r}; there are {', '.join(NAMES)}")
    return (resources.files(__name__) / f"{name}.jinja").read_text(encoding="utf-8")
