"""What `domains new` writes: sound, drafted by ourselves, and only under a name that can be used."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from eigen_graph.cli.domains_draft import draft
from eigen_graph.core import EigenGraphError, write_database
from eigen_graph.domains import load_domain
from eigen_graph.domains.check import check_domain
from eigen_graph.domains.draft import draft_database, read_source
from eigen_graph.domains.scaffold import new_folder, write_scaffold

_number = count()


def test_it_is_sound_and_its_database_is_a_draft(tmp_path: Path) -> None:
    folder = write_scaffold("corner_shop", tmp_path)
    assert [str(finding) for finding in check_domain(load_domain(f"{folder}/")) if finding.severity != "hint"] == []
    drafted = draft_database(read_source(f"{folder}/records.py"), rows={"orders": 60})
    write_database(drafted.database, tmp_path / "database.json")
    assert (tmp_path / "database.json").read_bytes() == (folder / "database.json").read_bytes()


def test_nothing_of_the_template_is_left(tmp_path: Path) -> None:
    folder = write_scaffold("bakery", tmp_path / "made" / "on the way")
    texts = {file.name: file.read_text() for file in folder.iterdir()}
    assert set(texts) == {
        *("__init__.py", "records.py", "database.json", "tools.py", "policy.md", "playbook.py", "test_domain.py"),
        "README.md",
    }
    assert not [name for name, text in texts.items() if "$" in text]
    assert 'name="bakery"' in texts["__init__.py"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my-shop", "'my_shop' would do"),
        ("My Shop!", "'my_shop' would do"),
        ("9lives", "'lives' would do"),
        ("../shop", "'shop' would do"),
        ("class", "cannot be called"),
        ("", "cannot be called"),
        ("ümläut", "cannot be called"),
        ("hotel", "installed domain or Python module"),
        ("json", "installed domain or Python module"),
        ("pytest", "installed domain or Python module"),
        ("there", "is there already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_written(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(EigenGraphError, match=says):
        new_folder(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EigenGraphError, match=r"cannot make .*file/grocery: Not a directory"):
        new_folder("grocery", tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rows": ["orders"]}, "write TABLE=N"),
        ({"rows": ["orders=-1"]}, "write TABLE=N"),
        ({"rows": ["order=1"]}, "no table order; there are customers, orders"),
        ({"model": "scripted"}, "leave --model out"),
        ({"file": Path("no/such/folder/x.json")}, "cannot write no/such/folder/x.json"),
    ],
)
def test_draft_refuses_in_words(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    folder = write_scaffold(f"drafty_{next(_number)}", tmp_path)
    with pytest.raises(EigenGraphError, match=says):
        draft(f"{folder}/records.py", **{"file": tmp_path / "db.json", **options})
    assert not (tmp_path / "db.json").exists()
