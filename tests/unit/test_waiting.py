"""Asynchronous work is waited for from anywhere; one event loop serves many calls."""

from __future__ import annotations

import asyncio

import pytest

from eigen_graph.rl.waiting import OwnLoop, at_once


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_calls_share_a_loop() -> None:
    with OwnLoop() as loop:
        assert loop.run(running_loop()) is loop.run(running_loop())


async def test_amid_another_loop_as_in_a_notebook() -> None:
    with OwnLoop() as loop:
        found = loop.run(running_loop())
        assert found is loop.run(running_loop())
    assert found is not asyncio.get_running_loop()
    assert found.is_closed()


async def test_at_once_amid_a_loop() -> None:
    assert at_once(asyncio.sleep(0, "done")) == "done"


async def test_errors_come_through() -> None:
    async def broken() -> None:
        raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"):
        at_once(broken())
