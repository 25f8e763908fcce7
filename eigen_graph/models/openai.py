"""`openai:NAME`: a model behind an OpenAI-compatible server, through langchain-openai."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from eigen_graph.core import EigenGraphError
from eigen_graph.models.errors import AccessError
from eigen_graph.models.failures import is_nonsense, translate
from eigen_graph.models.spec import ModelSpec

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_OPENAI = "https://api.openai.com/v1"
_KEYLESS = "no-key"
"""Sent to servers of one's own, which mostly ask for none; the client insists on a value."""
_SHOWN_MODELS = 8
_NO_SUCH_ROUTE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


@dataclass(frozen=True)
class Endpoint:
    """Where a server is and how to talk to it."""

    base_url: str
    api_key: str
    concurrency: int
    """Calls at once; the connection pool is as large."""
    timeout: float
    """Seconds that one try may take."""
    max_retries: int


class Servers:
    """Where the models of a cast are: on one server that they share, but for those that name their own.

    Args:
        base_url: The shared server; else OPENAI_BASE_URL, else OpenAI's.
        api_key: Its key; else OPENAI_API_KEY.
        concurrency: Calls at once, on each.
        timeout: Seconds that one try may take.
        max_retries: Tries after the first.
    """

    def __init__(
        self, base_url: str | None, api_key: str | None, *, concurrency: int, timeout: float, max_retries: int
    ) -> None:
        self._given = base_url, api_key
        self._limits = concurrency, timeout, max_retries

    def of(self, spec: ModelSpec) -> Endpoint | None:
        """The server of a model; None for one that needs none.

        Raises:
            EigenGraphError: OpenAI itself is meant and there is no key, the URL is none, or the environment does not
                hold the key that the spec names.
        """
        if spec.kind != "openai":
            return None
        if spec.base_url is None:
            return self._shared
        key = os.environ.get(spec.key_env) if spec.key_env else _KEYLESS
        if not key:
            raise EigenGraphError(f"model {spec}: the environment variable {spec.key_env} holds no key")
        return Endpoint(spec.base_url, key, *self._limits)  # no other key is ever sent there

    @cached_property
    def _shared(self) -> Endpoint:
        base_url, api_key = self._given
        url = base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE") or _OPENAI
        if not url.startswith(("http://", "https://")):
            raise EigenGraphError(f"the base URL {url!r} must start with http:// or https://")
        key = api_key or os.environ.get("OPENAI_API_KEY") or ""
        if not key and url.rstrip("/") == _OPENAI:
            raise EigenGraphError(
                "no key for api.openai.com: set OPENAI_API_KEY, or --base-url to a server of your own, "
                "or use --model scripted, which needs neither"
            )
        return Endpoint(url, key or _KEYLESS, *self._limits)


def open_chat(spec: ModelSpec, endpoint: Endpoint) -> ChatOpenAI:
    """A chat model for a spec.

    It retries 408, 409, 429, 5xx, timeouts and cut connections itself, with backoff and `Retry-After`.
    """
    from langchain_openai import ChatOpenAI  # noqa: PLC0415  # half a second of imports that `scripted` never needs
    from openai import DefaultAsyncHttpxClient  # noqa: PLC0415  # same

    options: dict[str, Any] = {
        "temperature": spec.temperature,
        "top_p": spec.top_p,
        "max_tokens": spec.max_tokens,
        "seed": spec.seed,
    }
    return ChatOpenAI(
        model=spec.name,
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        timeout=endpoint.timeout,
        max_retries=endpoint.max_retries,
        http_async_client=DefaultAsyncHttpxClient(limits=_limits(endpoint.concurrency), timeout=endpoint.timeout),
        # Chat completions are what other servers speak; without this the client picks the other API for some names.
        use_responses_api=False,
        stream_usage=True,
        **{name: value for name, value in options.items() if value is not None},
    )


async def probe(chat: ChatOpenAI, endpoint: Endpoint) -> None:
    """Make sure that the server is there, accepts the key and has the model.

    Raises:
        EigenGraphError: One clear line.
    """
    client = chat.root_async_client.with_options(max_retries=1, timeout=min(endpoint.timeout, 20.0))
    names: list[str] = []
    try:
        names = [str(model.id) for model in (await client.models.list()).data or []]
    except Exception as error:  # every failure is told apart by translate
        problem = translate(error, model=chat.model_name, server=endpoint.base_url)
        # A server need not list its models: then one token tells.
        if getattr(error, "status_code", None) not in _NO_SUCH_ROUTE:
            raise _clearer(error, problem, endpoint) from error
    if chat.model_name in names:
        return
    try:
        await client.chat.completions.create(
            model=chat.model_name, messages=[{"role": "user", "content": "Say ok."}], max_completion_tokens=16
        )
    except Exception as error:  # same
        problem = translate(error, model=chat.model_name, server=endpoint.base_url)
        if names and isinstance(problem, AccessError):
            shown = ", ".join(names[:_SHOWN_MODELS]) + (", ..." if len(names) > _SHOWN_MODELS else "")
            problem = AccessError(f"{endpoint.base_url} has no model {chat.model_name!r}; it has {shown}")
        raise _clearer(error, problem, endpoint) from error


def _clearer(error: Exception, problem: EigenGraphError, endpoint: Endpoint) -> EigenGraphError:
    cause = str(problem)
    if is_nonsense(error) or getattr(error, "status_code", None) in _NO_SUCH_ROUTE - {HTTPStatus.NOT_FOUND}:
        return AccessError(
            f"{endpoint.base_url} answers, but not as an OpenAI-compatible server does: correct --base-url, which "
            f"mostly ends in /v1"
        )
    if "Connection" in cause or "Timeout" in cause:
        return type(problem)(f"no server answers at {endpoint.base_url}: start it, or correct --base-url ({cause})")
    return problem


def _limits(concurrency: int) -> Any:
    import openai  # noqa: PLC0415  # as above

    # The SDK's own default limits, resized: which httpx it is built on is its affair.
    return type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=concurrency + 4, max_keepalive_connections=concurrency + 4, keepalive_expiry=30.0
    )
