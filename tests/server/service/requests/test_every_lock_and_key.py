"""Every combination of lock, key and place: ZAP on, off and dead; the right, a wrong and no key; this machine and
another. Only the allowed key enters, and only where the lock works: a lock that broke lets nobody in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from blender_addon.core.protocol.keys import client_keys, new_keys, server_keys
from server.service.requests.zap import AllowedClient, write_allowed
from tests.support.network.entry import Attempt, Doors
from tests.support.network.namespaces import SERVER_SIDE, NoNamespaceError, inside, namespace_with_cable
from tests.support.servers import REPOSITORY, RunningServer

BREAK = """
import sys
import zmq
import server.service.service as service

state, prove = sys.argv.pop(1), service.prove_closed

def prove_then_break(handler, *arguments):
    prove(handler, *arguments)
    if state == "off":
        context = handler.socket.context
        handler.socket.close()
        handler.socket = context.socket(zmq.REP)
    elif state == "dead":
        handler.answer_all = lambda: None

service.prove_closed = prove_then_break
from server.cli import app
app()
"""
"""A server whose lock breaks right after it has proved to hold: "off" nobody is asked any more, "dead" who is asked
never answers. (One that does not hold at the start keeps the server from starting: test_authentication.py.)"""

BOTH_DOORS = ["control", "data"]


class Place(NamedTuple):
    """Where a server listens, and the network namespace of who comes to it ("" is the server's own)."""

    host: str
    namespace: str


@pytest.fixture(params=["this machine", "another machine"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Loopback, and a namespace of its own behind a virtual cable."""
    if request.param == "this machine":
        yield Place("127.0.0.1", "")
        return
    try:
        with namespace_with_cable() as name:
            yield Place(SERVER_SIDE, name)
    except NoNamespaceError as missing:
        pytest.skip(f"entry from another machine was not tried: {missing}")


@pytest.mark.parametrize(
    ("zap", "opens"),
    [("on", {"right key": BOTH_DOORS, "this user's key": BOTH_DOORS}), ("off", {}), ("dead", {})],
)
def test_only_the_allowed_key_enters(zap: str, opens: dict[str, list[str]], place: Place, tmp_path: Path) -> None:
    config, allowed, stranger = tmp_path / "config", new_keys(), new_keys()
    write_allowed(config / "allowed_clients.json", [AllowedClient("anna", allowed.public, 0.0)])
    key = server_keys(config).public
    attempts = {
        "right key": Attempt(key, allowed),
        "this user's key": Attempt(key, client_keys(config)),
        "wrong key": Attempt(key, stranger),
        "a public key that was overheard": Attempt(key, msgspec.structs.replace(stranger, public=allowed.public)),
        "wrong server key": Attempt(new_keys().public, allowed),
        "missing key": Attempt(None, None),
    }
    server = RunningServer(tmp_path / "data", config, ("--host", place.host), program=("-c", BREAK, zap)).start()
    opening = sum(map(len, opens.values()))
    doors = Doors(place.host, server.address.control_port, server.address.data_port, attempts, opening)
    try:
        done = subprocess.run(
            [
                *inside(place.namespace),
                *(sys.executable, "-m", "tests.support.network.entry", msgspec.json.encode(doors).decode()),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        )
    finally:
        server.stop()
    assert json.loads(done.stdout) == {name: opens.get(name, []) for name in attempts}
