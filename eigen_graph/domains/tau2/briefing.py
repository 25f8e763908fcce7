"""What tau2 tells both sides: its own wording, read from the installed package, so that results can be compared."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from eigen_graph.core import EigenGraphError
from eigen_graph.domains.tau2 import package

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Task


class Tau2Briefing:
    """The system messages of tau2's `LLMAgent` and `UserSimulator`."""

    def agent(self, domain: Domain) -> str:
        """The agent's: instructions and policy.

        Raises:
            EigenGraphError: The installed package words it in a way this version can't read.
        """
        frame = _constant("agent/llm_agent.py", "SYSTEM_PROMPT")
        instruction = _constant("agent/llm_agent.py", "AGENT_INSTRUCTION")
        return frame.format(domain_policy=domain.policy.text, agent_instruction=instruction)

    def user(self, domain: Domain, task: Task) -> str:
        """The simulated user's: guidelines and scenario. Raises as `agent`."""
        tools = "_tools" if domain.tools_of("user") else ""
        path = package.data_file("user_simulator", f"simulation_guidelines{tools}.md")
        scenario = package.module("data_model.tasks").UserScenario.model_validate(
            task.user_scenario.model_dump(mode="json")
        )
        frame = _constant("user/user_simulator.py", "SYSTEM_PROMPT")
        return frame.format(global_user_sim_guidelines=path.read_text(encoding="utf-8"), instructions=str(scenario))


@cache
def _constant(file: str, name: str) -> str:
    """A text constant of one of tau2's files, read and not run: importing these files brings in litellm."""
    path = _root() / file
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError) as error:
        raise EigenGraphError(f"cannot read {path}: {error}; evaluate with --briefing eigen") from error
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return _text(node.value, f"{name} in {path}")
    raise EigenGraphError(f"there is no {name} in {path}; evaluate with --briefing eigen")


def _text(node: ast.expr, what: str) -> str:
    """A string, or a string with `.strip()`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "strip":
        return _text(node.func.value, what).strip()
    raise EigenGraphError(f"{what} is no plain text; evaluate with --briefing eigen")


def _root() -> Path:
    spec = importlib.util.find_spec("tau2")
    if spec is None or not spec.submodule_search_locations:
        raise EigenGraphError(f"tau2 domains need the tau2-bench package: {package.EXTRA}")
    return Path(next(iter(spec.submodule_search_locations)))
