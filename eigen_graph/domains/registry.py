"""Domains by name: bundled, installed under the entry point group `eigen_graph.domains`, or somewhere on disk."""

from __future__ import annotations

import ast
import difflib
import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from eigen_graph.core import Domain, EigenGraphError, UnknownNameError
from eigen_graph.core.loading import absolute, attribute_of, broken, find_module, is_path, place_of, split_reference
from eigen_graph.domains import foreign, tau2

ENTRY_POINTS = "eigen_graph.domains"
"""The entry point group under which an installed package offers its domains."""

_BUNDLED = {
    "hotel": "eigen_graph.domains.hotel:domain",
    "broadband": "eigen_graph.domains.broadband:domain",
}
_DEFAULT_ATTRIBUTE = "domain"


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
    target, attribute = split_reference(reference)
    if not target:
        raise UnknownNameError(f"no domain was named; there are {', '.join(references)}")
    if not (is_path(target) or name in references or "." in target or attribute):
        close = difflib.get_close_matches(name, references, n=1)
        hint = f"did you mean {close[0]!r}? There" if close else "there"
        hint = f"did you mean the folder {name}/, with its slash? There" if Path(name).is_dir() else hint
        raise UnknownNameError(
            f"no domain is called {name!r}; {hint} are {', '.join(references)}; a domain of your own is given as "
            f"package.module:attribute or path/to/file.py:attribute"
        )
    return domain_in(find_module(target, "domain"), attribute or _DEFAULT_ATTRIBUTE, reference)


def absolute_reference(name: str) -> str:
    """The same domain's name as it is understood in any working directory: only paths change."""
    named = name in _references() or name.startswith(tau2.PREFIX)
    if not named and (manifest := foreign.manifest_at(name)) is not None:
        return str(manifest.resolve())
    return name if named else absolute(name, _DEFAULT_ATTRIBUTE)


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


def domain_in(module: ModuleType, attribute: str, reference: str) -> Domain:
    """The domain that a module holds or makes; `reference` is what an error calls it.

    Raises:
        UnknownNameError: It has no such attribute.
        EigenGraphError: Its code does not run, or what it holds is no `Domain`.
    """
    found = attribute_of(module, attribute, "a Domain or a function returning one")
    if callable(found) and not isinstance(found, Domain):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            what = f"{reference}()" if ":" in reference else f"{reference}:{attribute}()"
            raise broken("domain", what, error) from error
    if not isinstance(found, Domain):
        raise EigenGraphError(f"{attribute!r} in {place_of(module)} is {type(found).__name__}, not a Domain")
    return found
