"""Tools behind real servers on loopback: an MCP server, started and by URL, and an HTTP API; their bad days too."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run
from shop.servers import HERE, Server, openapi_document, shop_folder

from eigen_graph.core import Domain, EigenGraphError, Environment, InfrastructureError, OutageError, environment_of
from eigen_graph.domains import load_domain
from eigen_graph.domains.check import check_domain
from eigen_graph.domains.foreign.backend import Backend
from eigen_graph.domains.foreign.journal import JournalWorld

MCP_REST = ("reset", "hang", "die", "shout", "babble")
ORDER = {"customer_id": "C1", "product_id": "P1", "quantity": 2}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def api() -> Iterator[Server]:
    with Server("api_server.py") as server:
        yield server


@pytest.fixture(scope="module")
def mcp() -> Iterator[Server]:
    with Server("mcp_server.py") as server:
        yield server


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "shop.json"
    path.write_text(openapi_document())
    return path


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """`make(kind, more agent's tools, state)`: a folder of the shop whose tools are from a real server."""

    def made(kind: str, *extra: str, timeout: float = 30, **state: Any) -> Path:
        rest = MCP_REST
        if kind == "stdio":
            args = [str(HERE / "mcp_server.py")]
            source: dict[str, Any] = {"mcp": {"command": "python", "args": args}}
        elif kind == "url":
            source = {"mcp": {"url": f"{request.getfixturevalue('mcp').url}/mcp", "reset": "reset"}}
        else:
            rest = ("reset", "trouble")
            source = {"openapi": str(request.getfixturevalue("document"))}
            source |= {"base_url": request.getfixturevalue("api").url, "reset": "POST /reset"}
        left = tuple(name for name in rest if name not in extra)
        return shop_folder(tmp_path / kind, source | {"timeout": timeout}, left, extra, **state)

    return made


def call(env: Environment, tool: str, /, **arguments: Any) -> Any:
    outcome = env.run(tool, arguments, "assistant")
    assert not outcome.error, outcome.content
    return json.loads(outcome.content)


def backend_of(domain: Domain) -> Backend:
    assert isinstance(domain.environment_type, JournalWorld)
    return domain.environment_type.backend


@pytest.mark.parametrize("kind", ["stdio", "url", "api"])
def test_episodes_are_worlds_of_their_own(make: Make, kind: str) -> None:
    domain = load_domain(str(make(kind)))
    one, other = environment_of(domain), environment_of(domain)
    assert call(one, "find_customer", name="Ada Byron")["customer_id"] == "C1"
    assert call(one, "place_order", **ORDER)["order_id"] == "O6"
    assert call(one, "list_products")["P1"]["stock"] == 38 - 2
    assert call(other, "list_products")["P1"]["stock"] == 38
    call(other, "cancel_order", order_id="O1")
    twin = other.fork()
    assert call(other, "place_order", **ORDER)["order_id"] == "O6"
    assert call(twin, "get_order", order_id="O1")["status"] == "cancelled"
    refused = twin.run("get_order", {"order_id": "O6"}, "assistant")
    assert refused.error
    assert "there is no order O6" in refused.content
    assert not one.same_as(other)
    assert not [finding for finding in check_domain(domain) if finding.severity == "error"]
    backend_of(domain).close()


@pytest.mark.parametrize("kind", ["stdio", "api"])
def test_definitions_and_arguments_are_those_of_the_source(make: Make, kind: str) -> None:
    domain = load_domain(str(make(kind)))
    bound = domain.agent.toolbox["place_order"]
    parameters = bound.openai["function"]["parameters"]
    assert set(parameters["properties"]) == {"customer_id", "product_id", "quantity"}
    assert parameters["required"] == ["customer_id", "product_id"]
    assert bound.read({"customer_id": "C1", "product_id": "P1"})["quantity"] == 1
    asked = backend_of(domain).recording
    before, env = len(asked), environment_of(domain)
    for wrong in ({"customer_id": "C1"}, {**ORDER, "quantity": "two"}, {**ORDER, "gift": True}, "{"):
        outcome = env.run("place_order", wrong, "assistant")  # type: ignore[arg-type]
        assert outcome.error
    assert len(asked) == before, "nobody asks a server what a schema knows"


@pytest.mark.parametrize("kind", ["stdio", "url", "api"])
def test_new_proposes_a_manifest_that_loads(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if kind == "api":
        document: Path = request.getfixturevalue("document")
        options = ["--openapi", str(document), "--base-url", request.getfixturevalue("api").url]
    else:
        script = f"python {os.path.relpath(HERE / 'mcp_server.py')}"
        options = ["--mcp", script if kind == "stdio" else f"{request.getfixturevalue('mcp').url}/mcp"]
    done = run("domains", "new", "my_shop", *options)
    assert "judged by the journal of writes" in done.out
    manifest = Path("my_shop/domain.yaml")
    text = manifest.read_text()
    assert ("a guess, by its name" in text) == (kind != "api"), "an API says by its methods what writes"
    unwanted = ("trouble",) if kind == "api" else ("hang", "die", "babble")
    for name in unwanted:  # as anybody would leave them out who reads what was proposed
        text = re.sub(rf"  - {name} .*\n", "", text).replace("left_out: [reset", f"left_out: [reset, {name}")
    manifest.write_text(text)
    policy = Path("my_shop/policy.md")
    policy.write_text(re.sub(r", `(hang|die|babble|trouble)`", "", policy.read_text()))
    domain = load_domain("my_shop/")
    assert {*domain.write_tools} == {"place_order", "cancel_order"}
    assert set(domain.policy.clauses) == {"1", "2", "3"}
    checked = run("domains", "check", "my_shop/", env={"COLUMNS": "400"})
    assert "not the server's state" in checked.out
    assert "were not called" in checked.out
    assert call(environment_of(domain), "find_customer", name="Ada Byron")["customer_id"] == "C1"


def test_a_process_that_dies_or_hangs_is_nobodys_fault(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.domains.foreign.backend._WAITS", (0.0,))
    domain = load_domain(str(make("stdio", "die", "hang", timeout=2)))
    env = environment_of(domain)
    call(env, "place_order", **ORDER)
    before = env.fork()
    with pytest.raises(InfrastructureError, match="mcp_server"):
        env.run("die", {}, "assistant")
    began = time.monotonic()
    with pytest.raises(InfrastructureError, match="within 2 s"):
        env.run("hang", {}, "assistant")
    assert time.monotonic() - began < 60
    assert env.same_as(before)
    assert call(env, "get_order", order_id="O6")["quantity"] == 2, "its world was brought back, the order made once"
    assert env.run("get_order", {"order_id": "O7"}, "assistant").error
    backend_of(domain).close()


def test_huge_and_garbled_answers_are_bounded(make: Make) -> None:
    domain = load_domain(str(make("stdio", "shout", "babble", timeout=20)))
    env = environment_of(domain)
    outcome = env.run("shout", {"size": 3_000_000}, "assistant")
    assert outcome.error
    assert "too long" in outcome.content
    assert env.run("babble", {}, "assistant").content == "sorry"
    backend_of(domain).close()
    domain = load_domain(str(make("api", "trouble")))
    env = environment_of(domain)
    outcome = env.run("trouble", {"kind": "huge"}, "assistant")
    assert outcome.error
    assert "too long" in outcome.content
    assert "<html>" in env.run("trouble", {"kind": "garbage"}, "assistant").content
    assert env.run("trouble", {"kind": "404"}, "assistant").content.startswith("Error: 404 Not Found")
    for kind in ("500", "503", "429"):
        with pytest.raises(InfrastructureError, match=kind):
            env.run("trouble", {"kind": kind}, "assistant")
    with pytest.raises(OutageError, match=r"another key.*headers"):
        env.run("trouble", {"kind": "401"}, "assistant")


def test_a_server_that_is_not_there(tmp_path: Path, make: Make) -> None:
    folder = shop_folder(tmp_path / "none", {"mcp": {"command": "no-such-program"}}, ())
    with pytest.raises(EigenGraphError, match=r"cannot be started.*no-such-program"):
        load_domain(str(folder))
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('the shop is closed')")
    folder = shop_folder(tmp_path / "broken", {"mcp": {"command": sys.executable, "args": [str(script)]}}, ())
    with pytest.raises(InfrastructureError, match=r"cannot be reached: .*it said: the shop is closed"):
        load_domain(str(folder))
    folder = shop_folder(tmp_path / "gone", {"mcp": {"url": "http://127.0.0.1:9/mcp", "reset": "reset"}}, MCP_REST)
    with pytest.raises(InfrastructureError, match=r"127.0.0.1:9"):
        load_domain(str(folder))
    manifest = make("url") / "domain.yaml"
    manifest.write_text(manifest.read_text().replace("      reset: reset\n", ""))
    with pytest.raises(EigenGraphError, match=r"place_order, cancel_order may write.*give it a `reset`"):
        load_domain(str(manifest))


def test_tools_that_have_changed_end_the_run_not_the_dialogue(make: Make) -> None:
    manifest = make("stdio") / "domain.yaml"
    domain = load_domain(str(manifest))
    call(environment_of(domain), "list_products")
    backend_of(domain).close()
    script = manifest.parent / "server.py"
    text = (HERE / "mcp_server.py").read_text().replace("Find a customer by name.", "Find somebody.")
    script.write_text(text.replace("Path(__file__).parents[1]", repr(str(HERE.parent))))
    manifest.write_text(manifest.read_text().replace(str(HERE / "mcp_server.py"), str(script)))
    domain = load_domain(str(manifest))
    env = environment_of(domain)
    assert call(env, "list_products"), "what is recorded stands"
    with pytest.raises(OutageError, match=r"described otherwise: find_customer.*move the recording away"):
        call(env, "find_customer", name="Ada Byron")
    backend_of(domain).close()


def test_no_process_is_left_behind(make: Make) -> None:
    folder = make("stdio")
    code = (
        "import os, sys\nfrom eigen_graph.core import environment_of\nfrom eigen_graph.domains import load_domain\n"
        "env = environment_of(load_domain(sys.argv[1]))\nenv.run('list_products', {}, 'assistant')\n"
        "print(env.run('place_order', {'customer_id': 'C1', 'product_id': 'P1'}, 'assistant').error)\n"
        "if sys.argv[2] == 'kill': os.kill(os.getpid(), 9)\n"
    )
    for way, status in (("end", 0), ("kill", -signal.SIGKILL)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, str(folder), way], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (status, "")
        for _ in range(50):
            if not (left := _processes_in(folder)):
                break
            time.sleep(0.1)
        assert not left


def _processes_in(folder: Path) -> list[str]:
    """Processes whose working directory is the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve():
                found.append(process.name)
        except OSError:
            continue
    return found
