"""Domains from tools that people already have: LangChain tools, an MCP server, an OpenAPI file.

Their world is not ours to fork. It is kept as a journal of what was written (`journal`), and every answer is recorded
beside it (`recording`), so that an episode can be replayed, judged and forked like any other.
"""

from eigen_graph.domains.foreign.load import load_manifest, manifest_at
from eigen_graph.domains.foreign.own_tools import domain_of_tools

__all__ = ["domain_of_tools", "load_manifest", "manifest_at"]
