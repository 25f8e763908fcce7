"""What a failed model call means: every exception of a client becomes one of this room's errors, with the way out."""

from __future__ import annotations

from http import HTTPStatus

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAuthenticationError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
)

from eigen_graph.core import EigenGraphError
from eigen_graph.models.errors import AccessError, ContextLengthError, InfrastructureError, RequestError

_TOO_LONG = (
    "context length",
    "context_length",
    "context window",
    "context size",
    "maximum context",
    "prompt is too long",
    "too many tokens",
)
_MAX_CAUSES = 10
_RETRIED = {408, 409, 429}
"""Client errors that pass by themselves."""


def translate(error: Exception, *, model: str, server: str) -> EigenGraphError:
    """The error to raise in place of a client's exception.

    Args:
        error: What the chat model raised.
        model: The model, for the message.
        server: Where it is, for the message.
    """
    if isinstance(error, EigenGraphError):
        return error
    text = _first_line(error)
    problem = _no_access(error, text, model=model, server=server) or _refused(error, text, model=model, server=server)
    return problem or InfrastructureError(f"no usable answer from {server} for {model}: {type(error).__name__}: {text}")


def _no_access(error: Exception, text: str, *, model: str, server: str) -> AccessError | None:
    status = getattr(error, "status_code", None)
    if isinstance(error, ModelAuthenticationError) or status == HTTPStatus.UNAUTHORIZED:
        return AccessError(f"{server} refuses the key (401): set OPENAI_API_KEY to one that it knows")
    if isinstance(error, ModelPermissionDeniedError) or status == HTTPStatus.FORBIDDEN:
        return AccessError(f"{server} does not permit {model} with this key (403): {text}")
    if status == HTTPStatus.PAYMENT_REQUIRED or "insufficient_quota" in text:
        return AccessError(f"{server} wants to be paid first: {text}")
    if isinstance(error, ModelNotFoundError) or status == HTTPStatus.NOT_FOUND:
        return AccessError(f"{server} has no {model} (404): check the model's name and --base-url")
    return None


def _refused(error: Exception, text: str, *, model: str, server: str) -> RequestError | None:
    status = getattr(error, "status_code", None)
    by_status = (
        isinstance(status, int)
        and HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        and status not in _RETRIED
    )
    lowered = text.lower()
    if isinstance(error, ContextOverflowError):
        return ContextLengthError(f"the conversation is longer than the context of {model}: {text}")
    if not by_status and not isinstance(error, ModelInvalidRequestError):
        return None
    if any(mark in lowered for mark in _TOO_LONG):
        return ContextLengthError(f"the conversation is longer than the context of {model}: {text}")
    hint = " (a server without JSON-schema mode: add ?structured=tool)" if "response_format" in lowered else ""
    return RequestError(f"{server} refuses the request{hint}: {text}")


def is_nonsense(error: Exception) -> bool:
    """The server answered, but not with a chat completion: a broken body, no choices, an error in a 200.

    The client does not try these again by itself; a flaky proxy is worth another try.
    """
    if isinstance(error, EigenGraphError) or getattr(error, "status_code", None) is not None:
        return False
    return isinstance(error, ValueError | LookupError | TypeError | AttributeError)


def _first_line(error: Exception) -> str:
    """What an exception says, and what lies at its root where that says more ("Connection error." does not)."""
    root: BaseException = error
    for _ in range(_MAX_CAUSES):
        root = root.__cause__ or root.__context__ or root
    told = dict.fromkeys(lines[0][:300] for e in (error, root) if (lines := str(e).strip().splitlines()))
    return " / ".join(told) or "no message"
