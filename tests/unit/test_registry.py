"""Finding a domain by name, module or path, and saying in one line what is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from eigen_graph.core import Domain, EigenGraphError, UnknownNameError
from eigen_graph.domains import domain_names, load_domain, registry

MINIMAL = '''"""A tiny domain."""
from eigen_graph.core import Database, Domain, Policy, Side

domain = Domain(name="tiny", policy=Policy("1. Be kind."), agent=Side(Database({})))
'''


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.py"
    file.write_text(MINIMAL, encoding="utf-8")
    return file


def one_line(caught: pytest.ExceptionInfo[EigenGraphError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_bundled_domains_are_listed_with_titles_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("eigen_graph.domains.hotel")]:
        monkeypatch.delitem(sys.modules, name)
    names = domain_names()
    assert list(names)[:2] == ["hotel", "broadband"]
    assert names["hotel"]
    assert "eigen_graph.domains.hotel" not in sys.modules


def test_a_bundled_domain_is_built_once() -> None:
    assert (
        load_domain("hotel")
        is load_domain("eigen_graph.domains.hotel:domain")
        is load_domain("eigen_graph.domains.hotel")
    )


def test_entry_points_are_listed_and_loaded(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tiny.parent)
    points = [
        EntryPoint("zoo", "tiny:domain", registry.ENTRY_POINTS),
        EntryPoint("broken", "no_such_package.domain:domain", registry.ENTRY_POINTS),
        EntryPoint("hotel", "tiny:domain", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)
    names = domain_names()
    assert names["zoo"] == "A tiny domain."
    assert names["broken"] == ""
    assert load_domain("zoo").name == "tiny"
    assert load_domain("hotel").name == "hotel", "a bundled name cannot be taken over"
    with pytest.raises(UnknownNameError, match="no module 'no_such_package'"):
        load_domain("broken")


def test_a_file_loads_by_path_with_and_without_attribute(tiny: Path) -> None:
    assert load_domain(str(tiny)).name == "tiny"
    assert load_domain(f"{tiny}:domain") is load_domain(str(tiny))


def test_an_edited_file_is_loaded_anew(tiny: Path) -> None:
    assert load_domain(str(tiny)).name == "tiny"
    tiny.write_text(MINIMAL.replace('name="tiny"', 'name="larger"'), encoding="utf-8")
    assert load_domain(str(tiny)).name == "larger"


def test_a_package_folder_loads_with_its_own_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    package = tmp_path / "animal_shelter"
    package.mkdir()
    (package / "rules.py").write_text('POLICY = "1. Feed them."', encoding="utf-8")
    (package / "__init__.py").write_text(
        "from animal_shelter.rules import POLICY\n" + MINIMAL.replace('"1. Be kind."', "POLICY"), encoding="utf-8"
    )
    assert load_domain(str(package)).policy.clause("1") == "Feed them."
    assert load_domain(f"{package / '__init__.py'}:domain") is load_domain(str(package))
    other = tmp_path / "elsewhere" / "animal_shelter"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(MINIMAL, encoding="utf-8")
    with pytest.raises(EigenGraphError, match="shadowed by"):
        load_domain(str(other))


def test_a_function_is_called(tiny: Path) -> None:
    tiny.write_text(f"{MINIMAL}\ndef build():\n    return domain\n", encoding="utf-8")
    assert isinstance(load_domain(f"{tiny}:build"), Domain)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hotle", "did you mean 'hotel'"),
        ("", "no domain was named"),
        ("no_such_module_at_all:domain", "no module 'no_such_module_at_all'"),
        ("eigen_graph.nowhere:domain", "no module 'eigen_graph.nowhere'"),
        ("nowhere/at_all.py:domain", "there is no file"),
        ("eigen_graph.domains.hotel:domian", "did you mean 'domain'"),
        ("eigen_graph.core:STOP", "is str, not a Domain"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(name: str, says: str) -> None:
    with pytest.raises(EigenGraphError) as caught:
        load_domain(name)
    assert says in one_line(caught)


@pytest.mark.parametrize(
    ("source", "says", "line"),
    [
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named", 1),
        ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero", 2),
        ("def f(:\n  pass", "SyntaxError: invalid syntax", 1),
        ("import sys\n\nsys.exit('bye')", "SystemExit: bye", 3),
        ("def domain():\n    raise RuntimeError('two\\nlines')", "RuntimeError: two lines", 2),
        ("def domain(name):\n    return name", "TypeError: domain() missing 1 required", None),
    ],
)
def test_code_that_fails_is_named_with_its_line(tmp_path: Path, source: str, says: str, line: int | None) -> None:
    file = tmp_path / "faulty.py"
    file.write_text(source, encoding="utf-8")
    with pytest.raises(EigenGraphError) as caught:
        load_domain(str(file))
    text = one_line(caught)
    assert says in text
    assert line is None or f"faulty.py, line {line})" in text
