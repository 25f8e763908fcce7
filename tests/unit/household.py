"""Broadband worlds for tests: prepared, acted in, looked at."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Assertion, Environment, Setup
from eigen_graph.domains.broadband import domain

DOMAIN = domain()
LINE, CUSTOMER = "L2001", "C1001"

Step = tuple[str, str, dict[str, Any]]
"""Who, what, with which arguments."""


def world(*prepared: Step) -> Environment:
    env = Environment(DOMAIN)
    for actor, name, arguments in prepared:
        env.prepare(Setup(env_type=actor, func_name=name, arguments=arguments))
    return env


def do(env: Environment, *steps: Step) -> list[str]:
    """Make calls that must succeed; their results."""
    results = []
    for actor, name, arguments in steps:
        outcome = env.run(name, arguments, actor)
        assert not outcome.error, (name, arguments, outcome.content)
        results.append(outcome.content)
    return results


def problems(env: Environment) -> list[str]:
    return [problem for invariant in DOMAIN.invariants for problem in invariant(env.agent_db, env.user_db)]


def holds(env: Environment, actor: str, name: str, **arguments: Any) -> bool:
    return env.holds(Assertion(env_type=actor, func_name=name, arguments=arguments))
