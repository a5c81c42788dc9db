"""`realcam gateway` and `realcam keys token` as commands."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blender_addon.core.protocol.keys import server_keys
from server.cli import app
from server.commands import gateway as command
from server.gateway.tokens import PREFIX, keys_of
from server.gateway.watched_http import OPEN_FILES, allow_open_files
from server.service.requests.zap import read_allowed
from tests.support.network.gateways import RunningGateway
from tests.support.servers import PATIENCE, REPOSITORY


def said(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_token_is_a_client_on_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path))
    token = said("keys", "token", "farm")
    assert token.startswith(PREFIX)
    (client,) = read_allowed(tmp_path / "allowed_clients.json")
    assert (client.name, client.public) == ("farm", keys_of(token).public)
    assert "on the list" in said("keys", "token", "farm", code=1)


def test_it_listens_on_this_machine_alone_unless_a_proxy_is_promised() -> None:
    assert "unencrypted" in said("gateway", "--host", "0.0.0.0", code=1)


def test_a_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path))
    server_keys(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "another --port" in said("gateway", "--port", str(taken.getsockname()[1]), code=1)


def test_without_its_packages_it_says_what_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PACKAGES", ("no_such_package",))
    assert "--extra gateway" in said("gateway", code=1)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_it_allows_itself_the_files_that_its_streams_need() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        allow_open_files()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert most == OPEN_FILES or most == hard < OPEN_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_command_answers_at_its_port_until_it_is_interrupted(gateway: RunningGateway) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = gateway.server
    arguments = ["-m", "server.cli", "gateway", "--server", str(server.address), "--port", str(port)]
    environment = os.environ | {"REALCAM_CONFIG_DIR": str(server.config_dir)}
    process = subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                connection.request("GET", "/v1/jobs")
                assert connection.getresponse().status == 401
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            finally:
                connection.close()
    finally:
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        code = process.wait(PATIENCE)
    assert code == 0 or os.name == "nt"
