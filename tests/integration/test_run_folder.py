"""The folder of a run: what it remembers, and what it says when it cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eigen_graph.core import EigenGraphError
from eigen_graph.runs import RunFolder


def test_a_run_folder_remembers_what_was_asked_for(tmp_path: Path):
    settings = {"count": 40, "model": "scripted", "seed": 0}
    made = RunFolder.create(tmp_path / "a" / "run", settings, domain="hotel", database="d1")
    found = RunFolder.open(tmp_path / "a" / "run")
    assert found == made
    assert (found.info.domain, found.info.database, found.info.settings) == ("hotel", "d1", settings)
    found.require({**settings, "concurrency": 4}, free=("concurrency",))
    with pytest.raises(EigenGraphError, match=r'begun with model "scripted", not "openai:x": resume it without'):
        found.require({"model": "openai:x"})
    with pytest.raises(EigenGraphError, match="begun with limit not set, not 3"):
        found.require({"limit": 3})
    with found.ledger(), found.reader() as reader:
        assert reader.counts().total == 0


def test_a_run_folder_says_what_is_in_its_way(tmp_path: Path):
    RunFolder.create(tmp_path / "run", {})
    with pytest.raises(EigenGraphError, match="holds a run already: resume it, or choose another folder"):
        RunFolder.create(tmp_path / "run", {})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(EigenGraphError, match=r"is no run folder but holds 'thesis.tex'"):
        RunFolder.create(tmp_path / "other", {})
    with pytest.raises(EigenGraphError, match="is no folder"):
        RunFolder.create(tmp_path / "other" / "thesis.tex", {})
    with pytest.raises(EigenGraphError, match="is no folder"):
        RunFolder.create(tmp_path / "other" / "thesis.tex" / "run", {})
    with pytest.raises(EigenGraphError, match="cannot write to /proc/self/run"):
        RunFolder.create("/proc/self/run", {})
    for nowhere in ("nowhere", "other", "other/thesis.tex"):
        with pytest.raises(EigenGraphError, match="there is no run in"):
            RunFolder.open(tmp_path / nowhere)


def test_a_bad_start_does_not_spoil_a_folder(tmp_path: Path):
    for name in ("run.json.part", "ledger.sqlite.lock", "ledger.sqlite.pid"):
        (tmp_path / name).touch()
    assert RunFolder.create(tmp_path, {}) == RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"format": 2, "eigen_graph": "9.1"}',
            r"has format 2, .* reads format 1: use eigen_graph 9\.1, which made it",
        ),
        ("[]", "has format None"),
        ('{"format": 1', "cannot read"),
        ('{"format": 1, "created": "now"}', "is damaged: domain is wrong"),
    ],
)
def test_run_folders_that_cannot_be_read(tmp_path: Path, text: str, message: str):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(EigenGraphError, match=message) as caught:
        RunFolder.open(tmp_path)
    assert "\n" not in str(caught.value)
    assert json.loads(json.dumps(str(caught.value)))
