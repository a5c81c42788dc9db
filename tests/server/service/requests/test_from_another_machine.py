"""A client in another network namespace, which is to the server what a computer down the hall is (Linux, root)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blender_addon.core.protocol.keys import KnownServer, new_keys
from tests.support.network.namespaces import SERVER_SIDE, NoNamespaceError, inside, namespace_with_cable
from tests.support.servers import REPOSITORY, RunningServer, free_address


@pytest.fixture
def namespace() -> Iterator[str]:
    """Another machine, in effect."""
    try:
        with namespace_with_cable() as name:
            yield name
    except NoNamespaceError as missing:
        pytest.skip(f"entry from another machine was not tried: {missing}")


def _realcam(config: Path, *arguments: str, namespace: str = "") -> str:
    done = subprocess.run(
        [*inside(namespace), sys.executable, "-m", "server.cli", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "REALCAM_CONFIG_DIR": str(config), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_only_the_invited_enter_from_another_machine(namespace: str, tmp_path: Path) -> None:
    server_config, friend, stranger = tmp_path / "config", tmp_path / "friend", tmp_path / "stranger"
    free = free_address()
    port = str(free.control_port)
    text = _realcam(server_config, "keys", "invite", "friend", "--host", SERVER_SIDE, "--port", port).strip()
    server = RunningServer(tmp_path / "data", server_config, ("--host", SERVER_SIDE, "--port", port))
    server.arguments = (*server.arguments, "--data-port", str(free.data_port))
    server.start()
    address = f"{SERVER_SIDE}:{port}"
    try:
        assert "is not known" in _realcam(friend, "status", "--server", address, namespace=namespace)
        assert "Paired" in _realcam(friend, "keys", "pair", text, namespace=namespace)
        assert "protocol 2" in _realcam(friend, "status", "--server", address, namespace=namespace)

        # A stranger who has learned the server's public key, which is no secret.
        _realcam(stranger, "keys", "pair", text, namespace=namespace)
        (stranger / "known_servers.json").write_bytes(
            (stranger / "known_servers.json").read_bytes().replace(*_other_client_key(stranger))
        )
        assert "does not let this computer in" in _realcam(stranger, "status", "--server", address, namespace=namespace)

        assert "shut out" in _realcam(server_config, "keys", "revoke", "friend")
        assert "does not let this computer in" in _realcam(friend, "status", "--server", address, namespace=namespace)
    finally:
        server.stop()


def _other_client_key(config: Path) -> tuple[bytes, bytes]:
    """The `client` part of known_servers.json as it is, and with a fresh pair."""
    known = msgspec.json.decode((config / "known_servers.json").read_bytes(), type=dict[str, KnownServer])
    (server,) = known.values()
    return msgspec.json.encode(server.client), msgspec.json.encode(new_keys())
