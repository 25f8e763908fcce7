"""Turn a domain into verified tool-use dialogues, each with its own executable checker."""

__version__ = "0.1.0"
