"""Writing the report's page: data that cannot break out, a policy that fits, whole or not at all, sources that hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest
import report_hostile
import report_samples

from eigen_graph.core import EigenGraphError
from eigen_graph.report import page as report_page
from eigen_graph.report.page import STYLES, joined_script, style_sheet, write_page

SOURCES = {
    file.name: file.read_text(encoding="utf-8") for file in files("eigen_graph.report").joinpath("page").iterdir()
}
EMPTY = report_samples.page(report_samples.listing(0))


class Parsed(HTMLParser):
    """The scripts, styles and policy of a page, as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.style = ""
        self.policy = ""
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "script":
            self.scripts.append((given, ""))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.cdata_elem == "script":
            given, text = self.scripts[-1]
            self.scripts[-1] = (given, text + data)
        elif self.cdata_elem == "style":
            self.style += data


@pytest.mark.parametrize("make", [report_samples.full, report_samples.empty, report_hostile.hostile])
def test_whatever_the_data_holds_the_page_is_the_same_page(tmp_path: Path, make: object) -> None:
    assert callable(make)
    report, pieces = make()
    parsed = Parsed(write_page(report, pieces, tmp_path / "report.html").read_text(encoding="utf-8"))
    kinds = [given.get("type") for given, _ in parsed.scripts]
    assert kinds == ["application/json", None, *["application/gzip"] * len(pieces)]
    assert json.loads(parsed.scripts[0][1]) == json.loads(report.model_dump_json(by_alias=True))
    assert [text for given, text in parsed.scripts if given.get("type") == "application/gzip"] == pieces
    assert parsed.tags.count("style") == 1
    assert not {"img", "iframe", "object"} & set(parsed.tags)


def test_the_policy_names_this_script_and_this_style_and_nothing_else(tmp_path: Path) -> None:
    parsed = Parsed(write_page(EMPTY, [], tmp_path / "report.html").read_text(encoding="utf-8"))
    rules = dict(rule.split(" ", 1) for rule in parsed.policy.split("; "))

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "script-src": digest(parsed.scripts[1][1]),
        "style-src": digest(parsed.style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report.html"
    write_page(EMPTY, ["QUFB"], out)
    before = out.read_bytes()

    def breaking() -> Iterator[str]:
        yield "QUFB"
        raise RuntimeError("the run went away")

    with pytest.raises(RuntimeError):
        write_page(EMPTY, breaking(), out)
    with pytest.raises(ValueError, match="piece 1 "):
        write_page(EMPTY, ["QUFB", "</script><script>alert(1)</script>"], out)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EigenGraphError, match=r"cannot write .*report\.html"):
        write_page(EMPTY, [], tmp_path / "file" / "report.html")


def test_the_same_data_gives_the_same_page(tmp_path: Path) -> None:
    first, second = (write_page(*report_samples.full(60), tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_every_source_is_used() -> None:
    script = joined_script()
    modules = {name for name in SOURCES if name.endswith(".js")}
    assert {name for name in modules if f'modules["{name}"] = ' in script} == modules
    assert {name for name in SOURCES if name.endswith(".css")} == {*STYLES}
    assert "import " not in re.sub(r"//.*|/\*.*?\*/", "", script)


@pytest.mark.parametrize("name", sorted(name for name in SOURCES if name.endswith(".js")))
def test_modules_import_what_they_use_and_can_write_no_markup(name: str) -> None:
    text = SOURCES[name]
    for names, _ in re.findall(r'^import \{([^}]*)\} from "\./([\w.]+)";$', text, re.MULTILINE):
        for each in filter(None, map(str.strip, names.split(","))):
            assert len(re.findall(rf"\b{each}\b", text)) > 1, f"{name} imports {each} for nothing"
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bfetch\(|XMLHttpRequest|srcdoc"
    )
    assert not re.search(forbidden, text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_source_is_long(name: str) -> None:
    assert len(SOURCES[name].splitlines()) <= 300


def test_modules_that_do_not_fit_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "main.js": 'import { a } from "./a.js";\n',
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
    }
    monkeypatch.setattr(report_page, "_source", lambda name: sources[name])
    with pytest.raises(ValueError, match=r"main\.js -> a\.js -> b\.js -> a\.js"):
        joined_script.__wrapped__()
    sources["b.js"] = "export const c = 1;\n"
    with pytest.raises(ValueError, match=r"a\.js imports b, which b\.js does not export"):
        joined_script.__wrapped__()


def tokens(theme: int) -> dict[str, tuple[float, ...]]:
    """Colours of the light (0) or dark (1) theme."""
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", style_sheet())
    return {name: tuple(int(pair[theme][at : at + 2], 16) / 255 for at in (1, 3, 5)) for name, *pair in found}


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """As WCAG 2 defines it."""

    def light(colour: tuple[float, ...]) -> float:
        straight = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour]
        return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), straight, strict=True))

    less, more = sorted((light(one), light(other)))
    return (more + 0.05) / (less + 0.05)


PLAIN = ("ground", "panel", "raised")
TEXTS = [
    *product(("ink", "soft", "accent", "good", "bad"), (*PLAIN, "accent-ground")),
    *((tone, f"{tone}-ground") for tone in ("good", "bad", "warn")),
    *product(("ink",), ("good-ground", "bad-ground", "warn-ground", "user-ground")),
    *((f"on-heat{level}", f"heat{level}") for level in range(1, 6)),
    ("user", "ground"),
    ("on-accent", "accent"),
]
MARKS = [
    *product((f"{kind}{number}" for kind in "cb" for number in range(6)), ("ground", "panel")),
    *product(("edge", "warn"), PLAIN),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_stand_out(theme: int) -> None:
    colours = tokens(theme)
    weak = {
        f"{one} on {other}": round(contrast(colours[one], colours[other]), 2)
        for least, pairs in ((4.5, TEXTS), (3.0, MARKS))
        for one, other in pairs
        if contrast(colours[one], colours[other]) < least
    }
    assert not weak
