"""Fixtures for every test: the whole house, and the event loop that the daemon runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from tests.house import House


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in production: its TLS and its transports are what must work."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The whole daemon on loopback."""
    async with House(tmp_path) as opened:
        yield opened
