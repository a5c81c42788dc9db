"""Where a server is looked for, and what is said when none is there, by each system's rules."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol import client_session
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.find_host import reachable_host
from blender_addon.core.protocol.keys import server_keys
from blender_addon.core.protocol.server_address import ServerAddress
from tests.support.servers import PATIENCE, RunningServer
from tests.support.systems import slow_refusal


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for this file."""
    folder = tmp_path_factory.mktemp("server")
    running = RunningServer(folder / "data", folder / "config").start()
    yield running
    running.stop()


@pytest.mark.parametrize("name", ["localhost", "LocalHost"])
def test_localhost_is_found_though_closed_ports_refuse_slowly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(slow_refusal.time, "sleep", slept.append)
    monkeypatch.setattr(socket, "create_connection", slow_refusal.create_connection)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert reachable_host(ServerAddress(name, port, port), PATIENCE) == "127.0.0.1"
    assert slept == []


def test_a_host_that_is_slow_to_answer_has_its_handshake_all_the_same(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SimpleNamespace(late=0.0)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + now.late)

    def slow(address: ServerAddress, timeout: float) -> str:
        now.late += timeout
        return reachable_host(address, timeout)

    monkeypatch.setattr(client_session, "time", clock)
    monkeypatch.setattr(client_session, "reachable_host", slow)
    with server.client() as client:
        assert client.connect(timeout=PATIENCE).engines


@pytest.mark.parametrize(
    ("system", "host", "code", "told"),
    [
        ("darwin", "192.168.1.20", errno.EHOSTUNREACH, True),
        ("darwin", "fd00::20", errno.EHOSTUNREACH, True),
        ("darwin", "93.184.216.34", errno.EHOSTUNREACH, False),
        ("darwin", "192.168.1.20", errno.ECONNREFUSED, False),
        ("linux", "192.168.1.20", errno.EHOSTUNREACH, False),
    ],
)
def test_macos_privacy_is_named_where_it_may_be_the_reason(
    system: str, host: str, code: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, "No route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(ServiceError, match="No route to host") as error:
        reachable_host(ServerAddress(host, 1, 2), 1.0)
    assert ("Privacy & Security > Local Network" in error.value.remedy) == told
    assert "the firewall between" in error.value.remedy


@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize("started_one_before", [True, False])
def test_a_server_of_ours_with_the_keys_of_another_folder_is_said(
    server: RunningServer, system: str, started_one_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if started_one_before:
        server_keys(tmp_path)
    with Client(server.address, "me", "tests", config=tmp_path) as client:
        monkeypatch.setattr(sys, "platform", system)
        with pytest.raises(ServiceError) as error:
            client.connect(timeout=PATIENCE)
        monkeypatch.undo()
    assert error.value.code in (("handshake", "not-allowed") if started_one_before else ("no-key",))
    assert str(tmp_path) in error.value.remedy
    assert ("Microsoft Store" in error.value.remedy) == (system == "win32")
