"""`realcam serve --cluster local`: a cluster of this machine alone, which begins and ends with the server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from server.demo.motorcycle import Motorcycle
from tests.support.servers import REPOSITORY, RunningServer
from tests.support.shots import small_payload, small_shot
from tests.support.systems.made_clips import made
from tests.support.systems.ray_nodes import PATIENCE, wait_until


@pytest.fixture
def folder_of_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where Ray keeps its files; nothing else says how a cluster is to be joined."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # The paths of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(prefix="rc", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
        yield folder


def test_a_job_is_made_and_nothing_of_ray_outlives_a_server_that_is_killed(
    folder_of_ray: str, bike: Motorcycle, tmp_path: Path
) -> None:
    arguments = ("--cluster", "local")
    server = RunningServer(tmp_path / "data", tmp_path / "config", arguments, log=tmp_path / "log")
    try:
        with server.start().client(patience=PATIENCE) as client:
            np.testing.assert_array_equal(
                made(client, small_payload(bike), "copy", tmp_path), small_shot(bike).preview[..., :3]
            )
        assert processes_of(folder_of_ray)
        server.kill()
        wait_until(lambda: not processes_of(folder_of_ray))
    finally:
        server.stop()


def processes_of(folder: str) -> list[int]:
    """The processes that have this folder of Ray's, by their environment or their command."""
    found = list[int]()
    for process in psutil.process_iter():
        try:
            known = process.environ().get("RAY_TMPDIR") == folder or any(folder in word for word in process.cmdline())
        except psutil.Error:
            continue
        if known and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found
