"""The server process of our own: found, started, heard when it dies, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.server_address import ServerAddress
from blender_addon.generation.local_server import COMMAND_VARIABLE, LocalServer, server_command, split_command
from tests.support.servers import PATIENCE


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_the_environment_goes_before_the_preference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_command(f"'{sys.executable}' -m x", ServerAddress())[:3] == (sys.executable, "-m", "x")
    monkeypatch.setenv(COMMAND_VARIABLE, f"'{sys.executable}' -m y")
    command = server_command("something else", ServerAddress("127.0.0.1", 5000, 5001))
    assert command[:3] == (sys.executable, "-m", "y")
    assert command[3:] == ("--host", "127.0.0.1", "--port", "5000", "--data-port", "5001", "--die-with-parent")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [("no-such-program serve", "'no-such-program' .* is not on this machine's PATH"), ("'serve", "cannot be read")],
)
def test_a_command_that_cannot_be_run_is_named(command: str, sentence: str) -> None:
    with pytest.raises(ServiceError, match=sentence):
        server_command(command, ServerAddress())


@pytest.mark.parametrize(
    ("platform", "text", "words"),
    [
        ("nt", r'"C:\Program Files\uv\uv.exe" run realcam', [r"C:\Program Files\uv\uv.exe", "run", "realcam"]),
        ("nt", r"C:\uv.exe run --directory 'D:\my work'", [r"C:\uv.exe", "run", "--directory", r"D:\my work"]),
        ("posix", "'/opt/my tools/uv' run realcam", ["/opt/my tools/uv", "run", "realcam"]),
    ],
)
def test_a_path_with_spaces_is_quoted(platform: str, text: str, words: list[str]) -> None:
    assert split_command(text, platform) == words


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    server = LocalServer(python("print('the port is taken'); raise SystemExit(3)"), tmp_path / "logs" / "server.log")
    server.start()
    while server.running:
        time.sleep(0.01)
    with pytest.raises(ServiceError, match=r"exit code 3; its last words: the port is taken"):
        server.check()
    server.stop()


def test_stop_ends_the_process_even_one_that_will_not(tmp_path: Path) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(99)
"""
    server = LocalServer(python(code), tmp_path / "server.log")
    server.start()
    while not server.log_tail():
        server.check()
        time.sleep(0.01)
    pid = int(server.log_tail())
    server.stop(patience=0.2)
    assert not psutil.pid_exists(pid)
    server.check()


def test_blenders_own_python_does_not_leak_into_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = LocalServer(python("import os; print(os.environ.get('PYTHONPATH'))"), tmp_path / "server.log")
    server.start()
    while server.running:
        time.sleep(0.01)
    assert server.log_tail() == "None"
    server.stop()
    assert os.environ["PYTHONPATH"] == str(tmp_path)


def test_a_server_ends_with_a_blender_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    waits = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    parent = subprocess.Popen(
        python(
            "import sys, time; from pathlib import Path\n"
            "from blender_addon.generation.local_server import LocalServer\n"
            f"LocalServer((sys.executable, '-c', {waits!r}), Path({str(log)!r})).start(); time.sleep(99)"
        )
    )
    while not (log.is_file() and log.read_text().strip()):
        assert parent.poll() is None
        time.sleep(0.01)
    child = psutil.Process(int(log.read_text()))
    parent.kill()
    parent.wait()
    child.wait(PATIENCE)
