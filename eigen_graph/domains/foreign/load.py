"""From a manifest to a domain."""

from __future__ import annotations

import atexit
import weakref
from functools import cache, partial
from pathlib import Path
from typing import Any

from eigen_graph.core import Domain, EigenGraphError, Policy, UnknownNameError
from eigen_graph.core.loading import attribute_of, broken, find_module, split_reference
from eigen_graph.domains.foreign.backend import LIVE, Backend
from eigen_graph.domains.foreign.improvising import Improviser, chat_of
from eigen_graph.domains.foreign.manifest import FILE, Manifest, read_manifest
from eigen_graph.domains.foreign.pool import Pool, changed
from eigen_graph.domains.foreign.python import PythonTools
from eigen_graph.domains.foreign.recording import Recording
from eigen_graph.domains.foreign.source import Source, ToolSpec
from eigen_graph.domains.foreign.split import Split, journal_domain

_backends: weakref.WeakSet[Backend] = weakref.WeakSet()


def manifest_at(target: str) -> Path | None:
    """The manifest that a reference means: its own path, or that of its folder; None where it means none."""
    path = Path(target)
    if target.endswith((".yaml", ".yml")):
        return path
    return path / FILE if (path / FILE).is_file() else None


def load_manifest(path: Path) -> Domain:
    """The domain of a manifest; the same one as long as its files are the same.

    Raises:
        UnknownNameError: There is no such file.
        EigenGraphError: Something in it is wrong, or its tools cannot be had.
    """
    path = path.resolve()
    if not path.is_file():
        raise UnknownNameError(f"there is no file {str(path)!r} to load a domain from")
    manifest = read_manifest(path)
    policy = path.parent / manifest.policy
    if not policy.is_file():
        raise EigenGraphError(f"{path}: there is no policy {manifest.policy!r} beside it: write one, a clause a line")
    return _load(path, path.stat().st_mtime_ns, policy.stat().st_mtime_ns)


@cache
def _load(path: Path, _modified: int, _policy_modified: int) -> Domain:
    manifest = read_manifest(path)
    recording = Recording(path.parent / manifest.state.recording)
    source = source_of(manifest, path.parent)
    tools = _tools(path, manifest, source, recording)
    part = manifest.tools
    split = Split(part.agent, part.user, part.left_out, part.writes, part.confirm, part.after)
    split.require((tool.name for tool in tools), str(path))
    _require_repeatable(path, manifest, source)
    backend = backend_of(manifest, source, tools, recording)
    domain = journal_domain(
        name=manifest.name,
        policy=Policy((path.parent / manifest.policy).read_text(encoding="utf-8")),
        tools=tools,
        split=split,
        backend=backend,
        title=manifest.title,
        now=manifest.now,
        max_result_chars=manifest.max_result_chars,
        reference=str(path),
        made_up=manifest.state.answers == "model" or bool(recording.givers().keys() - {LIVE}),
    )
    for side in filter(None, (domain.agent, domain.user)):
        _ = side.toolbox  # a schema that is none is told here, not in the middle of a run
    return domain


def backend_of(manifest: Manifest, source: Source, tools: tuple[ToolSpec, ...], recording: Recording) -> Backend:
    """Who answers for a domain; closed when the process ends."""
    state = manifest.state
    if state.answers == "model":
        chat = chat_of(state.model, state.base_url, manifest.tools.source.timeout)
        return kept(Backend(recording, Improviser(chat, tools, recording), given_by=str(state.model)))
    pool = Pool(source, tools, state.varying) if state.answers == "live" else None
    return kept(Backend(recording, pool, place=source.place))


def kept(backend: Backend) -> Backend:
    """A backend that is closed when the process ends."""
    _backends.add(backend)
    return backend


def source_of(manifest: Manifest, folder: Path) -> Source:
    """Where a manifest's tools are from.

    Args:
        manifest: It.
        folder: Where its paths begin.

    Raises:
        EigenGraphError: There is no such module, file or attribute, or an extra is not installed.
    """
    given = manifest.tools.source
    if given.mcp is not None:
        from eigen_graph.domains.foreign.mcp import McpTools  # noqa: PLC0415  # an optional package's room

        return McpTools(given.mcp, folder, timeout=given.timeout)
    if given.openapi is not None:
        from eigen_graph.domains.foreign.openapi import OpenApiTools  # noqa: PLC0415  # only where it is asked for

        return OpenApiTools(
            given.openapi,
            folder,
            base_url=given.base_url,
            headers=given.headers,
            reset=given.reset,
            timeout=given.timeout,
        )
    reference = given.python or ""
    return PythonTools(
        python_object(reference, folder, "TOOLS"),
        reset=python_object(given.reset, folder, "reset") if given.reset else None,
        timeout=given.timeout,
        place=reference,
    )


def python_object(reference: str, folder: Path, attribute: str) -> Any:
    """What a reference names; files are looked for beside the manifest, modules there too. Raises as `source_of`."""
    target, named = split_reference(reference)
    beside = folder / target if target.endswith(".py") else folder / Path(*target.split(".")).with_suffix(".py")
    if not beside.is_file():
        beside = folder / Path(*target.split(".")) if (folder / Path(*target.split("."))).is_dir() else beside
    wanted = "a list of LangChain tools, or a function"
    module = find_module(str(beside) if beside.exists() else target, "tools")
    try:
        return attribute_of(module, named or attribute, wanted)
    except UnknownNameError:
        raise
    except Exception as error:
        raise broken("tools", reference, error) from error


def _tools(path: Path, manifest: Manifest, source: Source, recording: Recording) -> tuple[ToolSpec, ...]:
    """The tools: as the recording has them where they cannot or need not be asked, else as they are."""
    known, answers = recording.tools(), len(recording)
    if known is not None and answers and (source.remote or manifest.state.answers == "recorded"):
        return known
    if manifest.state.answers == "recorded":
        raise EigenGraphError(
            f"{path}: `answers: recorded`, but {manifest.state.recording} holds none: record some by `answers: live`"
        )
    tools = source.tools()
    names = [tool.name for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise EigenGraphError(f"{source.place}: more than one tool is called {', '.join(twice)}")
    if known is not None and answers and (different := changed(known, tools)):
        raise EigenGraphError(
            f"{source.place} has other tools than when {manifest.state.recording} was begun ({different}): move it "
            f"away to begin a new one, or say `answers: recorded`"
        )
    if known != tools:
        recording.describe(tools)
    return tools


def _require_repeatable(path: Path, manifest: Manifest, source: Source) -> None:
    given = manifest.tools.source
    if (reset := given.mcp.reset if given.mcp else given.reset) in {*manifest.tools.agent, *manifest.tools.user}:
        raise EigenGraphError(f"{path}: {reset!r} brings the whole world back: name it under `left_out`, for nobody")
    if manifest.state.answers == "live" and manifest.tools.writes and not source.repeatable:
        raise EigenGraphError(
            f"{path}: {', '.join(manifest.tools.writes)} may write, and nothing brings {source.place} back to where it "
            f"was, so an episode would see what another wrote: give it a `reset`, or say `answers: recorded` or `model`"
        )


def _close(backends: weakref.WeakSet[Backend]) -> None:
    for backend in list(backends):
        backend.close()


atexit.register(partial(_close, _backends))
