"""A small working domain to begin with: what `eigen-graph domains new NAME` writes."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.registry import domain_names

__all__ = ["new_folder", "write_scaffold"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX = ".tmpl"
"""Keeps linters and test runners away from the templates."""


def write_scaffold(name: str, parent: Path) -> Path:
    """Write a working domain: policy, two tables, four tools, three intents, a test.

    Args:
        name: What it is called, and its folder.
        parent: The folder in which its folder is made.

    Returns:
        The new folder, a Python package.

    Raises:
        EigenGraphError: The name cannot be used, or the folder cannot be written.
    """
    folder = new_folder(name, parent)
    for template in sorted(files(__name__).joinpath("templates").iterdir(), key=lambda file: file.name):
        text = template.read_text(encoding="utf-8")
        if template.name.endswith((".md" + _SUFFIX, ".py" + _SUFFIX)):
            text = Template(text).substitute(name=name)
        (folder / template.name.removesuffix(_SUFFIX)).write_text(text, encoding="utf-8")
    return folder


def new_folder(name: str, parent: Path) -> Path:
    """Make the folder of a new domain.

    Args:
        name: What it is called: importable, and nobody else's name.
        parent: The folder in which it is made; made too where it is missing.

    Raises:
        EigenGraphError: The name cannot be used, something of that name is there, or the folder cannot be made.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        better = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_0123456789")
        hint = f"; {better!r} would do" if _NAME.fullmatch(better) and not keyword.iskeyword(better) else ""
        raise EigenGraphError(
            f"a domain cannot be called {name!r}: take lower-case letters, digits and _, starting with a letter{hint}"
        )
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise EigenGraphError(f"{folder} is there already: take another name, or another --folder")
    module = importlib.util.find_spec(name)
    if name in domain_names() or (module is not None and module.origin is not None):  # a bare folder has no origin
        raise EigenGraphError(f"{name!r} is the name of an installed domain or Python module: take another")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise EigenGraphError(f"cannot make {folder}: {error.strerror}; give another --folder") from error
    return folder
