"""Python objects by reference: `package.module:attribute`, or `path/to/file.py:attribute`."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from eigen_graph.core.errors import EigenGraphError, UnknownNameError

_NOT_THEIRS = ("site-packages", "dist-packages", str(Path(__file__).parents[1]))
"""Where installed packages are, and where we are."""
_REFERENCE = re.compile(r"^(?P<target>.+?)(?::(?P<attribute>[A-Za-z_]\w*))?$")


def split_reference(reference: str) -> tuple[str, str | None]:
    """The module, or the file, and the attribute that a reference names; None where it names no attribute."""
    match = _REFERENCE.match(reference)
    return (match["target"], match["attribute"]) if match else (reference, None)


def is_path(target: str) -> bool:
    """Whether a reference's module is given as a file or folder, not by its dotted name."""
    return target.endswith(".py") or any(separator in target for separator in {"/", os.sep}) or target == "."


def absolute(reference: str, attribute: str) -> str:
    """The same reference as it is understood in any working directory: only paths change.

    Args:
        reference: The reference.
        attribute: What it means when it names none.
    """
    target, named = split_reference(reference)
    return f"{Path(target).resolve()}:{named or attribute}" if is_path(target) else reference


def find_module(target: str, kind: str) -> ModuleType:
    """Import a module by its dotted name, or by the path of its file or of its package's folder.

    Args:
        target: The module.
        kind: What is looked for in it (`domain`, `agent`), for messages.

    Raises:
        UnknownNameError: There is none.
        EigenGraphError: Its code does not run.
    """
    return _module_at(Path(target), kind) if is_path(target) else _module_named(target, kind)


def attribute_of(module: ModuleType, attribute: str, wanted: str) -> Any:
    """What a module holds under a name.

    Args:
        module: The module.
        attribute: The name.
        wanted: What it should be, for messages (`a Domain or a function returning one`).

    Raises:
        UnknownNameError: It has no such attribute.
    """
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, vars(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(f"{place_of(module)} has no {attribute!r}, which should be {wanted}{hint}")
    return getattr(module, attribute)


def place_of(module: ModuleType) -> str:
    """Where a module is, for messages."""
    return module.__file__ or module.__name__


def broken(kind: str, what: str, error: BaseException) -> EigenGraphError:
    """The error to raise where somebody's code does not load: it names theirs, and the line it came from."""
    at = place_in_words(error)
    text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())[:400]
    told = text if isinstance(error, EigenGraphError) else f"{type(error).__name__}: {text}"  # ours are for people
    return EigenGraphError(f"{kind} {what} does not load: {told}{at}")


def place_in_words(error: BaseException) -> str:
    """` (FILE, line N)` of the deepest frame of somebody's own code, else of any but the import machinery; or empty."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if not any(place in frame.filename for place in _NOT_THEIRS)]
    frames = own or frames
    # An error of the call itself (a missing argument) comes from the file that called, which is one of ours.
    if not frames or Path(frames[-1].filename).parent.parent == Path(__file__).parent.parent:
        return ""
    return f" ({frames[-1].filename}, line {frames[-1].lineno})"


def _module_named(target: str, kind: str) -> ModuleType:
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name and (target == error.name or target.startswith(f"{error.name}.")):
            raise UnknownNameError(
                f"no module {error.name!r} for the {kind} {target!r}: install its package, put its folder on "
                f"PYTHONPATH, or give path/to/file.py:attribute"
            ) from error
        raise broken(kind, target, error) from error
    except (Exception, SystemExit) as error:
        raise broken(kind, target, error) from error


def _module_at(path: Path, kind: str) -> ModuleType:
    file = (path / "__init__.py" if path.is_dir() else path).resolve()
    if not file.is_file():
        article = "an" if kind[0] in "aeiou" else "a"
        raise UnknownNameError(f"there is no file {str(path)!r} to load {article} {kind} from")
    if not (file.parent / "__init__.py").is_file():
        try:
            return _lone_module(file, file.stat().st_mtime_ns)
        except (Exception, SystemExit) as error:
            raise broken(kind, str(file), error) from error
    # A file of a package: its own imports need the package's name, so it is imported as Python would import it.
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    module = _module_named(".".join(parts), kind)
    if Path(module.__file__ or "").resolve() != file:
        raise EigenGraphError(
            f"{path} is shadowed by {module.__file__}, another package called {parts[0]!r}: rename one of them"
        )
    return module


@cache
def _lone_module(file: Path, _modified: int) -> ModuleType:
    """A single file, loaded once for each of its versions."""
    name = f"eigen_graph_file_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks annotations up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
