"""A tau2 domain, put together from the installed package and its data."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from eigen_graph.core import Database, Domain, EigenGraphError, PlainPolicy, UnknownNameError
from eigen_graph.domains.tau2 import package
from eigen_graph.domains.tau2.briefing import Tau2Briefing
from eigen_graph.domains.tau2.environment import Tau2Environment
from eigen_graph.domains.tau2.playbook import TaskPlaybook
from eigen_graph.domains.tau2.tasks import task_set
from eigen_graph.domains.tau2.toolkit import Kit

PREFIX = "tau2:"
NAMES: dict[str, str] = {
    "airline": "tau2-bench: an airline's agent books, changes and cancels flights.",
    "retail": "tau2-bench: a shop's agent changes, cancels, returns and exchanges orders.",
    "telecom": "tau2-bench: a phone company's agent, and a user who works on the phone.",
}
"""The domains, with a line about each."""

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")
_NO_LIMIT = 10**9
"""tau2 sets none for a tool's result."""


def load(name: str) -> Domain:
    """A tau2 domain.

    Args:
        name: `airline`, `retail` or `telecom`.

    Raises:
        UnknownNameError: There is no such domain.
        EigenGraphError: The package is not installed, or its data cannot be read.
    """
    if name not in NAMES:
        raise UnknownNameError(f"no tau2 domain {name!r}; there are {', '.join(PREFIX + known for known in NAMES)}")
    return _load(name, package.data_folder())


@cache
def _load(name: str, data: Path) -> Domain:
    folder = data / "domains" / name
    model = package.module(f"domains.{name}.data_model")
    tools = package.module(f"domains.{name}.tools")
    parts: dict[str, Any] = {}
    if name == "telecom":
        agent = Kit(tools.TelecomTools, _database(model.TelecomDB, folder / "db.toml"))
        phone = package.module("domains.telecom.user_data_model").TelecomUserDB
        user_tools = package.module("domains.telecom.user_tools").TelecomUserTools
        user = Kit(user_tools, _database(phone, folder / "user_db.toml"))
        parts = {"user": user.side, "sync": _sync(package.module("domains.telecom.environment").TelecomEnvironment)}
        policy = (
            f"<main_policy>\n{_text(folder / 'main_policy.md')}\n</main_policy>\n"
            f"<tech_support_policy>\n{_text(folder / 'tech_support_manual.md')}\n</tech_support_policy>"
        )
    else:
        toolkit, database = (
            (tools.AirlineTools, model.FlightDB) if name == "airline" else (tools.RetailTools, model.RetailDB)
        )
        agent, policy = Kit(toolkit, _database(database, folder / "db.json")), _text(folder / "policy.md")
    dated = _DATE.search(policy)
    tasks = task_set(name)
    return Domain(
        name=f"{PREFIX}{name}",
        title=NAMES[name],
        policy=PlainPolicy(policy),
        agent=agent.side,
        **parts,
        now=f"{dated[1]}T{dated[2]}" if dated else "2024-05-15T15:00:00",
        max_result_chars=_NO_LIMIT,
        tasks=tasks,
        playbook=TaskPlaybook(tasks, lambda: _load(name, data)),
        briefing=Tau2Briefing(),
        environment_type=Tau2Environment,
    )


def _sync(environment: type[Any]) -> Callable[[Database, Database], None]:
    """tau2's own `sync_tools`, run over forks."""

    def sync(agent_db: Any, user_db: Any) -> None:
        shell: Any = object.__new__(environment)
        shell.tools, shell.user_tools = agent_db.toolkit(writes=True), user_db.toolkit(writes=True)
        shell.sync_tools()

    return sync


def _database(kind: type[Any], path: Path) -> Any:
    file = package.data_file(*path.relative_to(package.data_folder()).parts)
    try:
        return kind.load(file)
    except Exception as error:  # whatever its readers raise for what is no database
        reason = str(error).replace("\n", " ")
        raise EigenGraphError(f"cannot read {file}: {reason:.300}") from error


def _text(path: Path) -> str:
    return package.data_file(*path.relative_to(package.data_folder()).parts).read_text(encoding="utf-8")
