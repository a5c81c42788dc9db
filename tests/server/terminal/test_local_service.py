"""A server of one's own: waited for, or its death told with its last words."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from server.terminal.local_service import local_service, start_server


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))


def test_it_accepts_connections_and_ends_with_the_block(tmp_path: Path) -> None:
    with local_service(tmp_path / "data", tmp_path / "logs" / "server.log") as address:
        with Client(address, "test", "tests") as client:
            assert client.connect().engines
        (server,) = (child for child in psutil.Process().children() if str(tmp_path) in " ".join(child.cmdline()))
    assert not server.is_running()
    assert "RealCam server ready on 127.0.0.1" in (tmp_path / "logs" / "server.log").read_text()


def test_a_server_that_dies_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    (tmp_path / "file").touch()
    words = rf"did not start: it ended with code 1; .*file/data.*Its whole log is {log}\."
    with pytest.raises(ServiceError, match=words), local_service(tmp_path / "file" / "data", log):
        pytest.fail("it started")


def test_a_server_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with pytest.raises(ServiceError, match=r"it was not ready after 0\.5 s"):
        start_server((), tmp_path / "server.log", program=("-c", "import time; time.sleep(99)"), patience=0.5)
    assert psutil.Process().children() == before


def test_one_that_says_nothing_is_told_without_words(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"it ended with code 3; it said nothing"):
        start_server((), tmp_path / "log", program=("-c", "raise SystemExit(3)"))
