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
from blender_addon.generation.local_server import (
    COMMAND_VARIABLE,
    LocalServer,
    _no_program,
    blenders_python,
    carried_server,
    server_command,
)
from tests.support.folders import link
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
    [
        (
            "no-such-program serve",
            r"no program 'no-such-program' in .* PATH, nor in .*/\.local/bin, .*/homebrew/bin",
        ),
        ("/opt/none/uv run", "there is no program /opt/none/uv"),
        ("~/none/uv run", "there is no program ~/none/uv"),
        ("'serve", "cannot be read"),
    ],
)
def test_a_command_that_cannot_be_run_is_named(command: str, sentence: str) -> None:
    with pytest.raises(ServiceError, match=sentence):
        server_command(command, ServerAddress())


def test_a_path_that_lacks_its_quotes_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "my tools"
    folder.mkdir()
    link(folder / "uv", sys.executable)
    with pytest.raises(ServiceError, match=r"Put quotation marks around it .*: '.*/my tools/uv'"):
        server_command(f"{folder}/uv run realcam serve", ServerAddress())


def test_uv_is_found_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PATH of a Blender started from macOS' dock."""
    kept = tmp_path / ".local" / "bin" / "uv"
    kept.parent.mkdir(parents=True)
    link(kept, sys.executable)
    monkeypatch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert server_command("uv run realcam serve", ServerAddress())[0] == str(kept)
    assert server_command("~/.local/bin/uv run realcam serve", ServerAddress())[0] == str(kept)


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    server = LocalServer(python("print('the port is taken'); raise SystemExit(3)"), tmp_path / "logs" / "server.log")
    server.start()
    while server.running:
        time.sleep(0.01)
    with pytest.raises(ServiceError, match=r"exit code 3; its last words: the port is taken"):
        server.check()
    server.stop()


def test_stop_lets_a_server_behind_a_launcher_finish(tmp_path: Path) -> None:
    """A launcher that is ended by force leaves its server behind, which Windows then kills or forgets."""
    ended = tmp_path / "ended"
    child = f"import sys; print('up', flush=True); sys.stdin.read(); open({str(ended)!r}, 'w').close()"
    server = LocalServer(
        python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"), tmp_path / "server.log"
    )
    server.start()
    while not server.log_tail():
        server.check()
        time.sleep(0.01)
    server.stop(patience=PATIENCE)
    assert ended.is_file()


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


def test_an_extension_that_lacks_a_package_is_to_be_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an installation that was cut off."""
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if "site-packages" not in folder])
    for name in [name for name in sys.modules if name.split(".")[0] in ("av", "PIL")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ServiceError, match=r"av, PIL of the extension is missing\. Install the extension again"):
        carried_server()


def test_a_blender_without_its_own_python_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "blender"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(ServiceError, match="has no Python program of its own in"):
        blenders_python()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.11").mkdir()
    (tmp_path / "bin" / "python3.13").touch()
    assert blenders_python() == str(tmp_path / "bin" / "python3.13"), "a folder of that name is none"


def test_windows_takes_a_single_quotation_mark_for_a_letter() -> None:
    error = _no_program("'C:/tools/uv.exe' run", "'C:/tools/uv.exe'", platform="nt")
    assert "a single quotation mark is an ordinary letter" in error.sentence
