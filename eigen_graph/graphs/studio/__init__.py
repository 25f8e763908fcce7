"""LangGraph Studio: the graphs in LangGraph's development server, and what it can open of a run.

`eigen-graph studio` starts it; `served` says what is served, `opened` what a run adds, `server` starts and watches it.
"""

from eigen_graph.graphs.studio.opened import open_run
from eigen_graph.graphs.studio.served import checkpointer, configuration, make_pipeline
from eigen_graph.graphs.studio.server import Server, answers, serve

__all__ = ["Server", "answers", "checkpointer", "configuration", "make_pipeline", "open_run", "serve"]
