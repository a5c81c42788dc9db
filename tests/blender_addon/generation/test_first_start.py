"""The start of a local server: slow, behind a server of before, or on a port that is taken."""

from __future__ import annotations

import shlex
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.generation import job_thread
from blender_addon.generation.job_events import ServerSettings
from blender_addon.generation.job_records import JobRecords
from blender_addon.generation.job_view import Phase
from blender_addon.generation.jobs import Jobs
from blender_addon.generation.local_server import COMMAND_VARIABLE, LocalServer
from tests.support.servers import PATIENCE, command_in, free_address


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerSettings:
    """Nobody answers there: the add-on starts a server of its own."""
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    return ServerSettings(free_address(), command_in(tmp_path), "test", "test", tmp_path / "server.log")


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def pump_until(jobs: Jobs, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        jobs.pump()
        assert time.monotonic() < deadline, jobs.view
        time.sleep(0.005)


def test_a_first_start_may_take_its_time(
    jobs: Jobs, settings: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It downloads, and says so now and then; the wait can be cancelled, and ends only when nothing is said."""
    downloads = "import sys; print('Downloading torch', flush=True); sys.stdin.read()"
    slow = replace(settings, command=shlex.join([sys.executable, "-c", downloads]))
    jobs.connect(slow)
    pump_until(jobs, lambda: jobs.starting == "Downloading torch")
    jobs.cancel()
    pump_until(jobs, lambda: jobs.starting is None)
    jobs.begin("a shot", slow, JobRecords(tmp_path))
    pump_until(jobs, lambda: jobs.starting == "Downloading torch")
    assert jobs.view is not None
    assert (jobs.view.line, jobs.view.stage) == ("Starting the local server", "Downloading torch")
    jobs.cancel()
    assert jobs.view.phase is Phase.CANCELLED
    monkeypatch.setattr(job_thread, "QUIET_SECONDS", 0.0)
    jobs.begin("a shot", slow, JobRecords(tmp_path))
    pump_until(jobs, lambda: not jobs.busy)
    assert "runs but does not answer" in jobs.view.error
    assert "Downloading torch" in jobs.view.error
    assert jobs.starting is None


def test_a_server_that_still_saves_its_work_is_waited_for(
    jobs: Jobs, settings: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of a Blender that was closed a moment ago has the data folder, and listens no longer."""
    monkeypatch.setattr(job_thread, "GIVE_WAY_SECONDS", PATIENCE)
    (tmp_path / "server").mkdir()
    before = sqlite3.connect(tmp_path / "server" / "jobs.sqlite3", isolation_level=None)
    before.execute("BEGIN EXCLUSIVE")
    jobs.begin("a shot", settings, JobRecords(tmp_path))
    pump_until(jobs, lambda: "The job store cannot be opened" in (jobs.starting or ""))
    before.close()
    pump_until(jobs, lambda: jobs.connected or not jobs.busy)
    assert jobs.connected, jobs.view


def test_a_port_that_another_program_has_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = shlex.split(command_in(tmp_path))
        server = LocalServer((*words, "--port", str(other.getsockname()[1])), tmp_path / "server.log")
        server.start()
        while server.running:
            time.sleep(0.01)
    with pytest.raises(ServiceError, match=r"Another server is in the way .* cannot listen on 127\.0\.0\.1") as told:
        server.check()
    server.stop()
    assert told.value.code == ErrorCode.STORE_IN_USE
