"""Errors meant for the person at the keyboard: what is wrong, where, and the way out."""


class EigenGraphError(RuntimeError):
    """Something the caller can put right; the message is one clear line.

    A RuntimeError, because LangGraph's server shows the message of those and hides that of an exception of one's own.
    """


class UnknownNameError(EigenGraphError, KeyError):
    """A domain, tool, setup, assertion or clause that does not exist."""

    __str__ = EigenGraphError.__str__


class ToolError(Exception):
    """Raised inside a tool to refuse a call; the caller reads the text, the database is left as it was."""


class InfrastructureError(EigenGraphError):
    """No answer, after all retries: server gone, timeout, cut connection, nonsense. Never a reward: drop the scene."""


class OutageError(EigenGraphError):
    """The server failed too many times in a row: stop the run, which can be resumed, instead of dropping every scene.

    Not an `InfrastructureError` on purpose: that one costs a scene, this one ends the run.
    """


NOTHING_KNOWN = (InfrastructureError, OutageError)
"""What says nothing of a call, a task or a dialogue, and so must pass every place where their faults are caught."""
