"""A running server for the tests of the service."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import RunningServer, StartServer


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Makes servers that end with the test."""
    servers: list[RunningServer] = []

    def start(*arguments: str, **options: object) -> RunningServer:
        server = RunningServer(tmp_path / "data", tmp_path / "config", arguments, **options)  # type: ignore[arg-type]
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("server")
    server = RunningServer(folder / "data", folder / "config").start()
    yield server
    server.stop()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that stores open."""
    opened, real = list[sqlite3.Connection](), sqlite3.connect

    def connect(*arguments: object, **options: object) -> sqlite3.Connection:
        opened.append(real(*arguments, **options))  # type: ignore[call-overload]
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    return opened
