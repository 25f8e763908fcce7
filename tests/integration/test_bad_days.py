"""Bad input and bad days: one clear line that says what, where and the way out; nothing lost, nothing left behind."""

from __future__ import annotations

import ctypes
import http.server
import json
import resource
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import finished, refused, run, start
from openai_server import Serve

from eigen_graph.models import ScriptedChat
from eigen_graph.runs import RunFolder

DOMAINS = {
    "broken_import.py": "import a_module_that_is_not_there",
    "broken_syntax.py": "def domain(:",
    "raising.py": "raise RuntimeError('two\\nlines')",
    "leaving.py": "raise SystemExit",
    "no_domain.py": "domains = 3",
    "number.py": "def domain(): return 5",
    "bare.py": "from dataclasses import replace\nfrom eigen_graph.domains.hotel import domain as hotel\n"
    "domain = replace(hotel(), name='bare', playbook=None)",
}
OWN = """
import os
from dataclasses import replace
from eigen_graph.core import Database
from eigen_graph.domains.hotel import domain as hotel
def domain():
    inn, full = hotel(), hotel().agent.database
    schema = {name: full[name].record_type for name in full}
    tables = {name: dict(full[name].items()) for name in full}
    if os.environ.get("BURNT"):
        tables["bookings"].pop(next(iter(tables["bookings"])))
    return replace(inn, name="inn", agent=replace(inn.agent, database=Database(schema, tables)))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "made"
    run("synthesize", "hotel", "--count", 6, "--out", path)
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (("hotl",), ("did you mean 'hotel'?", "file.py:attribute")),
        (("no.such.module:domain",), ("no module 'no'", "PYTHONPATH")),
        (("nowhere.py",), ("no file 'nowhere.py'",)),
        (("broken_import.py",), ("broken_import.py", "a_module_that_is_not_there", "line 1")),
        (("broken_syntax.py",), ("broken_syntax.py", "SyntaxError", "line 1")),
        (("raising.py",), ("RuntimeError: two lines", "line 1")),
        (("leaving.py",), ("leaving.py", "SystemExit")),
        (("no_domain.py",), ("no_domain.py", "did you mean 'domains'?")),
        (("number.py",), ("is int, not a Domain",)),
        (("bare.py",), ("'bare' has no playbook", "give it one", "--model openai:NAME")),
        (("hotel", "--model", "gpt-5"), ("no model 'gpt-5'", "openai:NAME")),
        (("hotel", "--model", "openai:"), ("lacks the model's name",)),
        (("hotel", "--model", "scripted?fault=1"), ("no option 'fault'", "faults")),
        (("hotel", "--model", "scripted?faults=2"), ("faults must be a number from 0 to 1", "'2'")),
        (("hotel", "--model", "openai:gpt"), ("OPENAI_API_KEY", "--base-url", "scripted")),
        (("hotel", "--model", "openai:gpt", "--base-url", "localhost:8000"), ("must start with http",)),
        (("hotel", "--budget", "five"), ("'five'", "$5", "2Mtokens")),
        (("hotel", "--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--budget", "5usd"), ("prices",)),
        (
            ("hotel", "--writer-model", "openai:x", "--base-url", "http://127.0.0.1:9/v1"),
            ("leave the writer scripted",),
        ),
        (("hotel", "--count", "0"), ("--count", "greater than or equal to 1", "synthesize --help")),
        (("hotel", "--count", "many"), ("--count", "synthesize --help")),
        (("hotel", "--cuont", "3"), ("--cuont", "synthesize --help")),
        ((), ("DOMAIN", "synthesize --help")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_unusable_input(tmp_path: Path, arguments: tuple[str, ...], saying: tuple[str, ...]) -> None:
    for name, text in DOMAINS.items():
        (tmp_path / name).write_text(text)
    refused("synthesize", *arguments, saying=saying, cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == set(DOMAINS)


def test_a_model_is_named_as_it_was_written(tmp_path: Path) -> None:
    arguments = ("--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--budget", "$5")
    refused("synthesize", "hotel", *arguments, saying=("openai:x: give",), cwd=tmp_path)


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        arguments = ("--model", "openai:x", "--base-url", url)
        refused("synthesize", "hotel", *arguments, saying=(f"no server answers at {url}", "--base-url"), cwd=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "key", "saying"),
    [
        ("openai:scripted", "wrong", ("refuses the key (401)", "OPENAI_API_KEY")),
        ("openai:other", "right", ("has no model 'other'", "it has scripted")),
    ],
)
def test_a_server_that_will_not(serve: Serve, tmp_path: Path, model: str, key: str, saying: tuple[str, ...]) -> None:
    url = serve(ScriptedChat(), api_key="right").url
    arguments = ("--model", model, "--base-url", url)
    refused("synthesize", "hotel", *arguments, saying=(url, *saying), env={"OPENAI_API_KEY": key}, cwd=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.fixture(params=[200, 405])
def website(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server, but none of models: HTML for everything, or only for what is asked nicely."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.end_headers()
            self.wfile.write(b"<html>Welcome!</html>")

        do_POST = do_GET  # noqa: N815  # the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_of_something_else(website: str, tmp_path: Path) -> None:
    arguments = ("--model", "openai:x", "--base-url", website)
    refused("synthesize", "hotel", *arguments, saying=(website, "not as an OpenAI-compatible", "/v1"), cwd=tmp_path)
    assert not any(tmp_path.iterdir())


def test_output_that_is_taken(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    refused("synthesize", "hotel", "--out", tmp_path / "file", saying=("it is no folder", "another"))
    refused("synthesize", "hotel", "--out", tmp_path / "file" / "run", saying=("it is no folder", "another"))
    refused("synthesize", "hotel", "--out", tmp_path / "full", saying=("thesis.txt", "another folder"))
    refused("synthesize", "hotel", "--out", made, saying=("holds a run already", "resume it"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def ordinary() -> None:
    """In the child: let file modes bind root too, by giving up CAP_DAC_OVERRIDE; whoever is not root is bound."""
    ctypes.CDLL(None).prctl(24, 1)


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    out = tmp_path / "locked" / "run"
    refused("synthesize", "hotel", "--out", out, saying=(str(out), "Permission denied"), preexec_fn=ordinary)


def test_a_run_that_may_only_be_read(copy: Path) -> None:
    for path in copy.iterdir():
        path.chmod(0o444)
    copy.chmod(0o555)
    try:
        assert run("status", copy, "--json", preexec_fn=ordinary).json["accepted"] >= 2
        assert run("show", copy, preexec_fn=ordinary).out
        assert run("verify", copy, preexec_fn=ordinary).out
        refused("resume", copy, saying=("cannot write", "Permission denied"), preexec_fn=ordinary)
        refused("export", copy, saying=("cannot write", "Permission denied"), preexec_fn=ordinary)
        assert run("export", copy, "--out", copy.parent / "data", preexec_fn=ordinary).out
    finally:
        copy.chmod(0o755)


def test_folders_that_are_no_run(tmp_path: Path) -> None:
    for command in ("resume", "status", "verify", "export", "show"):
        refused(command, tmp_path, saying=(f"no run in {tmp_path}",))
    assert not any(tmp_path.iterdir())


def test_a_run_of_another_version(copy: Path) -> None:
    info = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**info, "format": 7, "eigen_graph": "9.9"}))
    for command in ("resume", "status"):
        refused(command, copy, saying=("format 7", "use eigen_graph 9.9", "start a new run"))


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ('{"format": 1', "cannot read"),
        ('{"format": 1}', "created"),
        ('{"format": 1, "created": "now", "domain": "hotel", "database": "x"}', "was made on database x"),
        (
            '{"format": 1, "created": "now", "domain": "hotel", "database": "x", "settings": {"context": {"tea": 1}}}',
            "setting tea",
        ),
    ],
)
def test_a_damaged_run_json(copy: Path, text: str, saying: str) -> None:
    (copy / "run.json").write_text(text)
    assert saying in refused("resume", copy) or "does not say what was asked for" in refused("resume", copy)


def test_a_ledger_of_another_version(copy: Path) -> None:
    db = sqlite3.connect(copy / "ledger.sqlite")
    db.execute("pragma user_version = 9")
    db.close()
    for command in ("resume", "status"):
        refused(command, copy, saying=("version 9", "ledger.sqlite", "start a new run"))


def test_a_ledger_that_is_none(copy: Path) -> None:
    (copy / "ledger.sqlite").write_text("Dear diary, today nothing was committed. " * 10)
    for command in ("resume", "status", "verify"):
        refused(command, copy, saying=("ledger.sqlite", "file is not a database", "start a new run"))
    (copy / "ledger.sqlite").unlink()
    refused("status", copy, saying=("no ledger", "resume the run"))


def test_a_damaged_checkpoint_file_is_no_loss(copy: Path) -> None:
    before = list(rows(copy))
    (copy / "checkpoints.sqlite").write_text("Dear diary, " * 100)
    told = run("resume", copy, expect=2).err.splitlines()[-1]
    assert "checkpoints.sqlite is damaged" in told
    assert "remove it and resume" in told
    (copy / "checkpoints.sqlite").unlink()
    run("resume", copy)
    assert list(rows(copy)) == before


def rows(path: Path) -> Iterator[object]:
    with RunFolder.open(path).reader() as ledger:
        yield from (row.comparable() for row in ledger.instances())


def test_data_that_changed_since(tmp_path: Path) -> None:
    (tmp_path / "inn.py").write_text(OWN)
    run("synthesize", "inn.py", "--count", 1, "--out", "run", cwd=tmp_path)
    saying = ("was made on database", "which is now", "start a new run")
    refused("resume", "run", cwd=tmp_path, env={"BURNT": "1"}, saying=saying)
    assert run("verify", "run", cwd=tmp_path, env={"BURNT": "1"}, expect=1).out
    assert run("verify", "run", cwd=tmp_path).out
    (tmp_path / "inn.py").unlink()
    refused("resume", "run", cwd=tmp_path, saying=("no file", "inn.py"))


def test_a_run_in_other_hands(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = start("synthesize", "hotel", "--count", 5000, "--out", path)
    try:
        while finished(path) < 2:
            assert first.poll() is None
        refused("resume", path, saying=(f"(pid {first.pid})", "wait for it to end"))
        assert run("status", path, "--json").json["accepted"] >= 2
    finally:
        first.kill()
        first.communicate()


def full_at(size: int) -> Callable[[], None]:
    """For the child: no file may grow beyond so many bytes, which looks like a full disk from inside."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_stops_a_run_that_then_goes_on(tmp_path: Path) -> None:
    order = ("synthesize", "hotel", "--count", 60, "--seed", 2, "--concurrency", 2)
    path = tmp_path / "run"
    told = run(*order, "--out", path, expect=3, preexec_fn=full_at(2_000_000)).err
    assert "Traceback" not in told
    assert "cannot write" in told.splitlines()[-1]
    assert f"eigen-graph resume {path}" in told.splitlines()[-1]
    assert 0 < finished(path) < 60
    run("resume", path)
    run(*order, "--out", tmp_path / "whole")
    assert list(rows(path)) == list(rows(tmp_path / "whole"))


def test_export_to_a_full_disk_leaves_no_half_file(made: Path, tmp_path: Path) -> None:
    arguments = ("--view", "turn", "--out", tmp_path / "data")
    refused("export", made, *arguments, saying=("cannot write", "data"), preexec_fn=full_at(60_000))
    assert not list((tmp_path / "data").iterdir())


def test_a_reader_that_stops_reading(made: Path) -> None:
    process = start("show", made, bufsize=0)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(30)
