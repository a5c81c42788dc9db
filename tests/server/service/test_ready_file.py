"""The file of a server that accepts connections: there when it does, gone when it has ended, never another's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import server_keys
from server.cli import app
from server.service.ready_file import ServerReady, read_ready_file, remove_ready_file, write_ready_file
from server.terminal.local_service import wait_until_ready
from tests.support.servers import PATIENCE, REPOSITORY

READY = ServerReady("127.0.0.1", 47110, 47111, "k" * 40, "boot", 1, "realcam-server")


def test_it_says_where_the_server_is_and_goes_with_it(tmp_path: Path) -> None:
    path, config = tmp_path / "run" / "ready.json", tmp_path / "config"
    command = [sys.executable, "-m", "server.cli", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    environment = {**os.environ, "REALCAM_CONFIG_DIR": str(config)}
    with subprocess.Popen([*command, "--ready-file", str(path)], cwd=REPOSITORY, env=environment) as process:
        try:
            ready = wait_until_ready(path, lambda: None, PATIENCE)
            with Client(ready.address, "test", "tests", config=config) as client:
                welcome = client.connect()
        finally:
            process.terminate()
    assert (ready.boot_id, ready.software) == (welcome.boot_id, welcome.software)
    assert ready.public_key == server_keys(config).public
    assert sys.platform == "win32" or ready.pid == process.pid, "on Windows Python starts by a launcher"
    assert not path.exists()


def test_what_a_killed_server_left_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    write_ready_file(path, READY)
    refused = CliRunner().invoke(
        app,
        [
            "serve",
            "--host",
            "192.0.2.1",
            "--port",
            "0",
            "--data-dir",
            str(tmp_path / "data"),
            "--ready-file",
            str(path),
        ],
        env={"REALCAM_CONFIG_DIR": str(tmp_path / "config")},
    )
    assert refused.exit_code == 1, "it could not start, and"
    assert read_ready_file(path) is None


def test_a_server_leaves_anothers_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    write_ready_file(path, READY)
    remove_ready_file(path, "another boot")
    assert read_ready_file(path) == READY
    remove_ready_file(path, READY.boot_id)
    remove_ready_file(path, READY.boot_id)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"notes of mine", b'{"host": "127.0.0.1"}'])
def test_a_file_that_is_no_ready_file_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for use in (read_ready_file, remove_ready_file):
        with pytest.raises(ServiceError, match=r"notes\.txt: it is not a server's"):
            use(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="The ready file cannot be used"):
        write_ready_file(tmp_path / "file" / "ready.json", READY)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_ready_file(tmp_path / "ready.json", READY)
    assert msgspec.json.decode((tmp_path / "ready.json").read_bytes()) == {
        "host": "127.0.0.1",
        "control_port": 47110,
        "data_port": 47111,
        "public_key": "k" * 40,
        "boot_id": "boot",
        "pid": 1,
        "software": "realcam-server",
    }
