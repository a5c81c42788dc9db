"""Keys: made once, private, paired by one pasted line."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import platformdirs
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import (
    PAIRING_PREFIX,
    Pairing,
    accept_pairing,
    checked_key,
    client_keys,
    config_dir,
    new_keys,
    pairing_text,
    server_keys,
    session_keys,
)
from blender_addon.core.protocol.server_address import ServerAddress


def test_the_configuration_is_where_every_program_of_this_system_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REALCAM_CONFIG_DIR", raising=False)
    assert config_dir() == platformdirs.user_config_path("realcam", appauthor=False)


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        ("win32", "AppData/Local/realcam"),
        ("darwin", "Library/Application Support/realcam"),
        ("linux", ".config/realcam"),
    ],
)
def test_the_configuration_of_other_systems(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, folder: str
) -> None:
    for name in ("REALCAM_CONFIG_DIR", "LOCALAPPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", system)
    assert config_dir() == tmp_path / folder


def test_a_pair_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    first = server_keys(tmp_path / "config")
    assert server_keys(tmp_path / "config") == first
    assert (tmp_path / "config" / "server.key").stat().st_mode & 0o777 == 0o600
    assert client_keys(tmp_path / "config") != first


def test_many_first_starts_at_once_agree(tmp_path: Path) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(client_keys(tmp_path).public)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert len(set(made)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["client.key"]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "Application Support"
    server_keys(folder)
    (folder / "server.key").chmod(0o644)
    with pytest.raises(ServiceError, match="can be read by others") as error:
        server_keys(folder)
    assert f"`chmod 600 '{folder}/server.key'`" in error.value.remedy


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text('{"public": "short", "secret": "short"}')
    (tmp_path / "server.key").chmod(0o600)
    with pytest.raises(ServiceError, match="is damaged"):
        server_keys(tmp_path)


def test_one_pasted_line_pairs(tmp_path: Path) -> None:
    server, client = new_keys(), new_keys()
    text = pairing_text(Pairing("render-box", 9000, 9001, server.public, client.secret))
    assert text.startswith(PAIRING_PREFIX)
    address = accept_pairing(f"  {text}\n", tmp_path)
    assert address == ServerAddress("render-box", 9000, 9001, server.public)
    keys = session_keys(ServerAddress("render-box", 9000, 9001), tmp_path)
    assert (keys.server_public, keys.client) == (server.public, client)
    assert (tmp_path / "known_servers.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "hello", PAIRING_PREFIX, PAIRING_PREFIX + "AAAA", PAIRING_PREFIX + "ä"])
def test_another_text_is_not_taken(tmp_path: Path, text: str) -> None:
    with pytest.raises(ServiceError, match="not a pairing text"):
        accept_pairing(text, tmp_path)
    assert not (tmp_path / "known_servers.json").exists()


def test_a_remote_server_needs_its_key(tmp_path: Path) -> None:
    server_keys(tmp_path)
    assert session_keys(ServerAddress("127.0.0.1"), tmp_path).server_public == server_keys(tmp_path).public
    with pytest.raises(ServiceError, match="is not known") as error:
        session_keys(ServerAddress("10.1.2.3"), tmp_path)
    assert error.value.code == "no-key"
    typed = new_keys().public
    assert session_keys(ServerAddress("10.1.2.3", server_key=typed), tmp_path).server_public == typed


@pytest.mark.parametrize("text", ["", "x", " " * 40, "ä" * 40, "0" * 39, "0" * 45])
def test_what_is_no_key_is_said(text: str) -> None:
    with pytest.raises(ServiceError, match="not a public key"):
        checked_key(text)
