"""Work that may wait for a domain's tools, kept off the event loop where they wait for something outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from eigen_graph.core import Domain

P = ParamSpec("P")
T = TypeVar("T")


async def aside(domain: Domain, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work that calls a domain's tools: in a thread if they block (`Domain.blocking`), else at once."""
    if domain.blocking:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)
