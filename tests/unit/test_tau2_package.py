"""The tau2 package as we take it: imported late and quietly, not trusted with shared state, told apart by its data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from eigen_graph.core import EigenGraphError, UnknownNameError
from eigen_graph.domains import domain_names, load_domain
from eigen_graph.domains.tau2 import package

NAMES = ("airline", "retail", "telecom")
KNOWN = load_domain("tau2:telecom")  # from the package's own data, before a test names others


def run(code: str, **environment: str) -> str:
    """Run code in a new process that may not speak to the network; its output."""
    guard = """
    import socket, sys
    def refuse(*args, **kwargs): raise RuntimeError("the network was asked for")
    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(guard) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


def test_nothing_is_imported_before_it_is_needed_and_no_model_client_ever() -> None:
    code = """
    import eigen_graph.checkers, eigen_graph.graphs
    from eigen_graph.core import environment_of
    from eigen_graph.domains import domain_names, load_domain
    assert "tau2:telecom" in domain_names()
    assert "tau2" not in sys.modules
    for name in ("airline", "retail", "telecom"):
        domain = load_domain(f"tau2:{name}")
        task = domain.tasks.split("base")[0]
        assert domain.briefing.agent(domain) and domain.briefing.user(domain, task)
        environment_of(domain, task)
    print(sorted(name for name in ("litellm", "torch", "tau2.evaluator", "tau2.orchestrator") if name in sys.modules))
    """
    assert run(code) == "[]"


def test_a_class_that_is_spoiled_already_spoils_nothing_here() -> None:
    code = """
    from tau2.domains.telecom.environment import get_environment
    get_environment().user_tools.break_vpn()
    assert get_environment().user_tools.default_vpn_details.server_performance.value == "poor"
    from eigen_graph.core import environment_of
    from eigen_graph.domains import load_domain
    env = environment_of(load_domain("tau2:telecom"))
    env.run("connect_vpn", {}, "user")
    print(env.user_db["device"]["device"].vpn_details.server_performance.value)
    """
    quiet = "from loguru import logger; logger.remove()\n    "
    assert run("\n    " + quiet + code.lstrip()) == "excellent"


def test_without_the_package_the_extra_is_named() -> None:
    code = """
    import importlib.abc
    class Absent(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "tau2":
                raise ModuleNotFoundError("No module named 'tau2'", name="tau2")
    sys.meta_path.insert(0, Absent())
    from eigen_graph.core import EigenGraphError
    from eigen_graph.domains import domain_names, load_domain
    domain_names()
    try:
        load_domain("tau2:telecom")
    except EigenGraphError as error:
        print(error)
    """
    assert run(code) == "tau2 domains need the tau2-bench package: pip install 'eigen-graph[tau2]'"


def test_unknown_names_are_told_with_what_there_is() -> None:
    assert {f"tau2:{name}" for name in NAMES} <= domain_names().keys()
    with pytest.raises(UnknownNameError, match="no tau2 domain 'bank'; there are tau2:airline, tau2:retail, tau2:tel"):
        load_domain("tau2:bank")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of telecom's data, where TAU2_DATA_DIR points."""
    shutil.copytree(package.data_folder() / "domains" / "telecom", tmp_path / "tau2" / "domains" / "telecom")
    monkeypatch.setenv("TAU2_DATA_DIR", str(tmp_path))
    return tmp_path / "tau2" / "domains" / "telecom"


def test_other_data_have_another_fingerprint(data: Path) -> None:
    """So that results on edited tasks are never taken for results on tau2's."""
    rows = json.loads((data / "tasks.json").read_text(encoding="utf-8"))
    rows[0]["ticket"] = "Another ticket."
    (data / "tasks.json").write_text(json.dumps(rows), encoding="utf-8")
    policy = data / "main_policy.md"
    policy.write_text(policy.read_text(encoding="utf-8") + "\nBe brief.\n", encoding="utf-8")
    edited = load_domain("tau2:telecom")
    assert edited.tasks is not None
    assert KNOWN.tasks is not None
    assert len(edited.tasks.digest) == 40
    assert edited.tasks.digest != KNOWN.tasks.digest
    assert edited.tasks.tasks[rows[0]["id"]].ticket == "Another ticket."
    assert "Be brief." in edited.policy.text
    assert "Be brief." not in KNOWN.policy.text


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("tasks.json", "{", "cannot read .*tasks.json"),
        ("tasks.json", "[1]", "tasks.json is no list of tasks, each with an id"),
        ("tasks.json", "[" * 100_000, "cannot read .*tasks.json"),
        ("split_tasks.json", "{}", "split_tasks.json names no split 'base'"),
        ("split_tasks.json", "[]", "split_tasks.json names no split 'base'"),
        ("split_tasks.json", '{"base": 5}', "split_tasks.json"),
        ("main_policy.md", None, "tau2's data lacks .*main_policy.md"),
        ("db.toml", None, "db.toml"),
        ("db.toml", "plans = 5", "db.toml"),
    ],
)
def test_data_that_are_no_data_are_named(data: Path, file: str, text: str | None, fault: str) -> None:
    (data / file).unlink()
    if text is not None:
        (data / file).write_text(text, encoding="utf-8")
    with pytest.raises(EigenGraphError, match=fault) as caught:
        tuple(load_domain("tau2:telecom").tasks.split("base"))  # type: ignore[union-attr]
    assert "\n" not in str(caught.value)


def test_a_wrong_data_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAU2_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(EigenGraphError, match=r"TAU2_DATA_DIR is .*nowhere', but there is no folder .*domains"):
        load_domain("tau2:retail")
