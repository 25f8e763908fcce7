"""Domains by name: bundled, installed under the entry point group `eigen_graph.domains`, or somewhere on disk."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from eigen_graph.core import Domain, EigenGraphError, UnknownNameError
from eigen_graph.domains import foreign, tau2

ENTRY_POINTS = "eigen_graph.domains"
"""The entry point group under which an installed package offers its domains."""

_BUNDLED = {
    "hotel": "eigen_graph.domains.hotel:domain",
    "broadband": "eigen_graph.domains.broadband:domain",
}
_DEFAULT_ATTRIBUTE = "domain"
_REFERENCE = re.compile(r"^(?P<target>.+?)(?::(?P<attribute>[A-Za-z_]\w*))?$")


def domain_names() -> dict[str, str]:
    """Every domain that has a name, with one line about it.

    The line is the first of its module's docstring, read without running the module: a domain that is broken, or slow
    to build, is listed like any other.

    Returns:
        Titles by name, bundled domains first; an empty title where the source cannot be read.
    """
    titles = {name: _title(reference) for name, reference in _references().items()}
    return titles | {f"{tau2.PREFIX}{name}": title for name, title in tau2.NAMES.items()}


def load_domain(name: str) -> Domain:
    """Load a domain.

    Args:
        name: A name that `domain_names` lists (those that begin with `tau2:` need the extra `tau2`);
            `package.module:attribute`; or `path/to/file.py:attribute`, where the path may also be a package's folder.
            The attribute is a `Domain` or a function without arguments that returns one, and is called `domain` when
            left out. Or a manifest, `path/to/domain.yaml` or its folder: a domain of tools that are not ours.

    Raises:
        UnknownNameError: There is no domain of that name, no such module, file or attribute.
        EigenGraphError: Its code does not run, or what it holds is no `Domain`.
    """
    if name.startswith(tau2.PREFIX):
        return tau2.load(name.removeprefix(tau2.PREFIX))
    references = _references()
    if name not in references and (manifest := foreign.manifest_at(name)) is not None:
        return foreign.load_manifest(manifest)
    reference = references.get(name, name)
    match = _REFERENCE.match(reference)
    if match is None:
        raise UnknownNameError(f"no domain was named; there are {', '.join(references)}")
    target, attribute = match["target"], match["attribute"] or _DEFAULT_ATTRIBUTE
    if _is_path(target):
        module = _module_at(Path(target))
    elif name in references or "." in target or match["attribute"]:
        module = _module_named(target)
    else:
        close = difflib.get_close_matches(name, references, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UnknownNameError(
            f"no domain is called {name!r}; {hint}There are {', '.join(references)}; a domain of your own is given as "
            f"package.module:attribute or path/to/file.py:attribute"
        )
    return _domain_in(module, attribute, reference)


def absolute_reference(name: str) -> str:
    """The same domain's name as it is understood in any working directory: only paths change."""
    named = name in _references() or name.startswith(tau2.PREFIX)
    match = None if named else _REFERENCE.match(name)
    if not named and (manifest := foreign.manifest_at(name)) is not None:
        return str(manifest.resolve())
    if match is None or not _is_path(match["target"]):
        return name
    return f"{Path(match['target']).resolve()}:{match['attribute'] or _DEFAULT_ATTRIBUTE}"


def _references() -> dict[str, str]:
    installed = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    return {**_BUNDLED, **{name: installed[name] for name in sorted(installed) if name not in _BUNDLED}}


def _title(reference: str) -> str:
    try:
        spec = importlib.util.find_spec(reference.partition(":")[0])
        source = spec.loader.get_source(spec.name) if spec and spec.loader else None  # type: ignore[attr-defined]
        docstring = ast.get_docstring(ast.parse(source or ""))
    except Exception:  # noqa: BLE001  # one broken package must not hide the others
        return ""
    return (docstring or "").partition("\n")[0]


def _is_path(target: str) -> bool:
    return target.endswith(".py") or any(separator in target for separator in {"/", os.sep}) or target == "."


def _module_named(target: str) -> ModuleType:
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name and (target == error.name or target.startswith(f"{error.name}.")):
            raise UnknownNameError(
                f"no module {error.name!r} for the domain {target!r}: install its package, put its folder on "
                f"PYTHONPATH, or give path/to/file.py:attribute"
            ) from error
        raise _broken(target, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(target, error) from error


def _module_at(path: Path) -> ModuleType:
    file = (path / "__init__.py" if path.is_dir() else path).resolve()
    if not file.is_file():
        raise UnknownNameError(f"there is no file {str(path)!r} to load a domain from")
    if not (file.parent / "__init__.py").is_file():
        return _lone_module(file, file.stat().st_mtime_ns)
    # A file of a package: its own imports need the package's name, so it is imported as Python would import it.
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    module = _module_named(".".join(parts))
    if Path(module.__file__ or "").resolve() != file:
        raise EigenGraphError(
            f"{path} is shadowed by {module.__file__}, another package called {parts[0]!r}: rename one of them"
        )
    return module


@cache
def _lone_module(file: Path, _modified: int) -> ModuleType:
    """A single file, loaded once for each of its versions."""
    name = f"eigen_graph_domain_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise EigenGraphError(f"{file} is no Python file: a domain is loaded from path/to/file.py:attribute")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks annotations up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(str(file), error) from error
    return module


def _domain_in(module: ModuleType, attribute: str, reference: str) -> Domain:
    where = module.__file__ or module.__name__
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, vars(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(
            f"{where} has no {attribute!r}, which should be a Domain or a function returning one{hint}"
        )
    found: Any = getattr(module, attribute)
    if callable(found) and not isinstance(found, Domain):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise _broken(f"{reference}()" if ":" in reference else f"{reference}:{attribute}()", error) from error
    if not isinstance(found, Domain):
        raise EigenGraphError(f"{attribute!r} in {where} is {type(found).__name__}, not a Domain")
    return found


def _broken(what: str, error: BaseException) -> EigenGraphError:
    """Name the error and the line it came from: the deepest one outside the import machinery."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    place = (error.filename, error.lineno) if isinstance(error, SyntaxError) and error.filename else None
    if place is None and frames and frames[-1].filename != __file__:
        place = (frames[-1].filename, frames[-1].lineno)
    at = f" ({place[0]}, line {place[1]})" if place else ""
    text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    return EigenGraphError(f"domain {what} does not load: {type(error).__name__}: {text:.300}{at}")
