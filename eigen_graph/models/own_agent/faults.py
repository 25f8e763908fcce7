"""What it means that somebody's graph has failed: theirs to answer for, a server's, or no way to take part at all."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path

from langgraph.errors import GraphInterrupt, GraphRecursionError

from eigen_graph.core import EigenGraphError
from eigen_graph.models.errors import ReplyError
from eigen_graph.models.failures import translate
from eigen_graph.models.own_agent.answer import interrupted

_MAX_CAUSES = 10
_MAX_TEXT = 300
_OF_CLIENTS = {
    "APIConnectionError",  # openai, anthropic and the like
    "APIStatusError",
    "TransportError",  # httpx, httpcore
    "NetworkError",
    "ClientConnectionError",  # aiohttp
    "RequestException",  # requests
    "RpcError",  # grpc
}
_LIBRARIES = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")})


def fault(error: BaseException, failures: Collection[BaseException], label: str) -> EigenGraphError:
    """The error to raise in place of a graph's exception.

    Args:
        error: What the graph raised.
        failures: What its model calls have raised. Where one of them is the cause, it means what it means with a
            model of ours: a server that failed, a key that is refused, a context that is too long.
        label: The agent's name, for messages.

    Returns:
        A `ReplyError` where the agent is to blame, which says what was raised, and where.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, EigenGraphError):
            return cause
        if isinstance(cause, GraphInterrupt):
            return interrupted(label, str(cause))
        if isinstance(cause, GraphRecursionError):
            return ReplyError("agent", f"its graph does not come to an end: {_text(cause)}")
    for cause in causes:
        if isinstance(cause, Exception) and (any(cause is one for one in failures) or _is_of_a_connection(cause)):
            return translate(cause, model=label, server="the agent's model server")
    return ReplyError("agent", f"its code raised {type(error).__name__}: {_text(error)}{_place(error)}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if found is None:
            return
        yield found
        if isinstance(found, BaseExceptionGroup):
            yield from found.exceptions
        found = found.__cause__ or found.__context__


def _is_of_a_connection(error: BaseException) -> bool:
    """Raised by a client of a server, one that LangChain knows nothing of."""
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return any(kind.__name__ in _OF_CLIENTS for kind in type(error).__mro__)


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:_MAX_TEXT] or "no message"


def _place(error: BaseException) -> str:
    """` (FILE, line N, in FUNCTION)` of the deepest frame that is in nobody's library; else of the deepest."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_library(frame.filename)]
    if not frames:
        return ""
    at = (own or frames)[-1]
    return f" ({Path(at.filename).name}, line {at.lineno}, in {at.name})"


def _is_library(file: str) -> bool:
    path = Path(file).resolve()
    return "site-packages" in path.parts or str(path).startswith((*_LIBRARIES, str(Path(__file__).parents[2])))
