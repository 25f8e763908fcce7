"""Your own agent in the agent's chair: any LangGraph graph, `create_agent` agent, or Runnable over messages.

A graph is bound to the episodes that it plays in one of three ways:

- it is built with `episode_tools(domain)`;
- it is made by a function that takes `tools`, and is given them;
- it was made by `create_agent` with tools of its own, and has the middleware `EpisodeTools()`.

Then it goes wherever the agent's model is named: `eigen-graph eval hotel --agent my_pkg.my_agent:graph`, or
`evaluate("hotel", agent=graph)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.models import OwnAgent
from eigen_graph.models.own_agent.tools import tools_of

if TYPE_CHECKING:
    from eigen_graph.models.own_agent.middleware import EpisodeTools

__all__ = ["EpisodeTools", "OwnAgent", "episode_tools"]


def episode_tools(domain: str | Domain) -> list[BaseTool]:
    """The agent's tools of a domain, for a graph of one's own; their calls act in whatever episode it plays.

    Args:
        domain: The domain, or its name.

    Raises:
        EigenGraphError: There is no such domain. Called outside of an episode, the tools raise it too.
    """
    return tools_of(load_domain(domain) if isinstance(domain, str) else domain)


def __getattr__(name: str) -> Any:
    if name != "EpisodeTools":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from eigen_graph.models.own_agent.middleware import EpisodeTools  # noqa: PLC0415  # only it needs langchain
    except ModuleNotFoundError as error:
        raise EigenGraphError(
            "EpisodeTools is middleware of langchain's create_agent: pip install langchain"
        ) from error
    return EpisodeTools
