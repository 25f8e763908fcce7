"""One HTML file that holds a whole report: its data, style and scripts, and a policy that forbids every request.

The sources in `page/` are an ordinary page of ES modules; writing it joins them into one script, so that it works from
disk, where browsers load no modules.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from eigen_graph.core.errors import EigenGraphError
from eigen_graph.report.data import Page

STYLES = ("tokens.css", "layout.css", "sections.css", "charts.css", "browser.css", "dialogue.css", "print.css")
_ENTRY = "main.js"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:const|function\*?|class) (\w+)", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def write_page(page: Page, pieces: Iterable[str], out: Path) -> Path:
    """Write a report to one file, whole or not at all; pieces are written as they come.

    Args:
        page: All but the dialogues.
        pieces: `page.piece_size` dialogues each, in the order of the listing: base64 of gzip of a JSON list of
            `Dialogue`.
        out: The file; an older one is replaced.

    Returns:
        The file.

    Raises:
        EigenGraphError: It cannot be written.
        ValueError: A piece is not base64.
    """
    head, tail = _shell(page)
    draft = out.with_name(f"{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(head)
            file.writelines(_blocks(pieces))
            file.write(tail)
        draft.replace(out)
    except OSError as error:
        raise EigenGraphError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # there is none, or no place for one
            draft.unlink()
    return out


def _shell(page: Page) -> tuple[str, str]:
    """What stands before and behind the pieces."""
    style, script = style_sheet(), joined_script()
    parts = {
        "policy": _policy(style, script),
        "title": html.escape(page.title),
        "style": style,
        "data": _inert(page.model_dump_json(by_alias=True)),
        "script": script,
    }
    template = _source("index.html")
    whole = re.sub(r"\{\{(\w+)\}\}", lambda slot: parts.get(slot[1], slot[0]), template)
    head, tail = whole.rsplit("{{pieces}}", 1)  # the last: data may hold the word
    return head, tail


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which only our own style and script count, and nothing is fetched."""
    only = "; ".join(f"{kind}-src 'sha256-{_digest(text)}'" for kind, text in (("style", style), ("script", script)))
    return f"default-src 'none'; {only}; img-src data:; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert(json: str) -> str:
    """JSON that cannot end the element it stands in: `<`, `>` and `&` occur only within its strings."""
    return json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    for number, piece in enumerate(pieces):
        if not _BASE64.fullmatch(piece):
            raise ValueError(f"piece {number} of the dialogues is not base64")
        yield f'<script type="application/gzip" id="piece-{number}">{piece}</script>\n'


@cache
def style_sheet() -> str:
    """The page's style."""
    return "".join(map(_source, STYLES))


@cache
def joined_script() -> str:
    """The page's modules as one script: each a function of its own that gives what it exports, behind what it imports.

    Raises:
        ValueError: A module imports what the other does not export, or they import each other in a circle.
    """
    done: dict[str, str] = {}
    _join(_ENTRY, done, ())
    return '"use strict";\n(() => {\nconst modules = {};\n' + "".join(done.values()) + "})();\n"


def _join(name: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if name in done:
        return
    if name in above:
        raise ValueError(f"modules of the page import each other: {' -> '.join((*above, name))}")
    text = _source(name)
    for names, other in _IMPORT.findall(text):
        _join(other, done, (*above, name))
        if missing := {each.strip() for each in names.split(",") if each.strip()} - {*_EXPORT.findall(_source(other))}:
            raise ValueError(f"{name} imports {', '.join(sorted(missing))}, which {other} does not export")
    body = _IMPORT.sub(r'const {\1} = modules["\2"];\n', text)
    exports = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub(lambda found: found[0].removeprefix("export "), body)
    done[name] = f'modules["{name}"] = (() => {{\n{body}return {{ {exports} }};\n}})();\n'


@cache
def _source(name: str) -> str:
    return files("eigen_graph.report").joinpath("page", name).read_text(encoding="utf-8")
