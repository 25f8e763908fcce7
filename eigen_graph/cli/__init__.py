"""The command line: parses, calls, prints. Everything it does can be done from Python by the same names."""

from eigen_graph.cli.app import app, main

__all__ = ["app", "main"]
