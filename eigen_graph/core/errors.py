"""Errors meant for the person at the keyboard: what is wrong, where, and the way out."""


class EigenGraphError(Exception):
    """Something the caller can put right; the message is one clear line."""


class UnknownNameError(EigenGraphError, KeyError):
    """A domain, tool, setup, assertion or clause that does not exist."""

    __str__ = EigenGraphError.__str__


class ToolError(Exception):
    """Raised inside a tool to refuse a call; the caller reads the text, the database is left as it was."""
