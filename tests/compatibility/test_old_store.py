"""A server of today goes on with the jobs of a store that an earlier version's server left when it was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.payloads.check_request import decode_check_result
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.core.payloads.depth_request import decode_depth_result
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, JobStatus, StateEvent
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.compatibility.kept import STORE, copied_store
from tests.support.servers import RunningServer

EXPECTED: dict[str, dict[str, Any]] = json.loads((STORE / "expected.json").read_text())
"""By job: the status that its client was told last, and the events of those that had ended."""
DONE, ENDED = (
    [job_id for job_id, told in EXPECTED.items() if told["status"]["state"] in states]
    for states in (("done",), ("failed", "cancelled"))
)
FETCHED = {"old-done-fetched", "old-done-depth"}
MOVED = ("submitted_at", "finished_at", "fetched_at", "received")
"""What a test's copy of the store moves in time, and how much of a payload is still there."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = copied_store(tmp_path_factory.mktemp("old-store"))
    running = RunningServer(folder / "data", folder / "config", ("--engines", ENGINES)).start()
    yield running
    running.stop()


def told_of(job_id: str) -> JobStatus:
    return msgspec.convert(EXPECTED[job_id]["status"], JobStatus)


def without(status: JobStatus, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(status).items() if name not in names}


def followed(server: RunningServer, job_id: str) -> list[StateEvent]:
    """Every state of a job to its end."""
    with server.client() as client:
        return [event for event in client.follow(job_id) if not isinstance(event, JobProgress)]


def fetched(server: RunningServer, job_id: str, folder: Path) -> list[Path]:
    with server.client() as client:
        return client.fetch(job_id, folder)


def frames_of(paths: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(paths) if path.suffix == ".png"])


def notes_of(paths: list[Path]) -> tuple[str, ...]:
    (metadata,) = (path for path in paths if path.name == "metadata.json")
    return msgspec.json.decode(metadata.read_bytes(), type=ClipSidecar).notes


def test_the_store_is_the_one_that_a_killed_server_left() -> None:
    states = {told["status"]["state"] for told in EXPECTED.values()}
    assert states == {"uploading", "queued", "running", "done", "failed", "cancelled"}
    assert len(DONE) == 4
    assert (STORE / "data" / "jobs.sqlite3-wal").stat().st_size > 0
    assert not list(STORE.rglob("*:*")), "no name that Windows has not"


def test_their_client_still_has_all_its_jobs(server: RunningServer) -> None:
    with server.client() as client:
        assert [status.job_id for status in client.jobs()] == list(EXPECTED)


@pytest.mark.parametrize("job_id", DONE)
def test_a_finished_job_is_fetched_byte_for_byte(server: RunningServer, job_id: str, tmp_path: Path) -> None:
    told = told_of(job_id)
    with server.client() as client:
        status = client.status(job_id)
        assert without(status, MOVED) == without(told, MOVED)
        assert (status.fetched_at > 0) == (job_id in FETCHED)
        paths = client.fetch(job_id, tmp_path)
        assert client.status(job_id).fetched_at > 0
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [file.name for file in told.results]
    for path, file in zip(paths, told.results, strict=True):
        assert path.read_bytes() == (STORE / "data" / "results" / job_id / file.name).read_bytes()
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def test_what_was_fetched_can_be_read(server: RunningServer, tmp_path: Path) -> None:
    depth = decode_depth_result(fetched(server, "old-done-depth", tmp_path / "depth")[0].read_bytes())
    assert depth.depth.shape == (64, 96)
    assert depth.focal_source == "35 mm, typed"
    check = decode_check_result(fetched(server, "old-done-check", tmp_path / "check")[0].read_bytes())
    assert np.allclose(check.poses[:, 0, 3], [0.0, 0.02, 0.04, 0.06])
    clip = fetched(server, "old-done-waiting", tmp_path / "clip")
    assert frames_of(clip)[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert notes_of(clip) == ("It began at frame 0.",)


@pytest.mark.parametrize("job_id", ENDED)
def test_a_job_that_made_nothing_still_says_why(server: RunningServer, job_id: str) -> None:
    with server.client() as client:
        status = client.status(job_id)
    assert without(status, MOVED) == without(told_of(job_id), MOVED)
    assert status.reason


@pytest.mark.parametrize("job_id", [*DONE, *ENDED])
def test_events_are_told_again_as_they_were(server: RunningServer, job_id: str) -> None:
    assert msgspec.to_builtins(followed(server, job_id)) == EXPECTED[job_id]["events"]


def test_the_job_that_ran_goes_on_from_its_checkpoint(server: RunningServer, tmp_path: Path) -> None:
    events = followed(server, "old-running")
    assert [event.state.value for event in events] == [
        *("uploading", "queued", "running"),
        *("queued", "running", "finalizing", "done"),
    ]
    assert events[-1].attempt == 2
    assert "restarted" in events[3].reason
    clip = fetched(server, "old-running", tmp_path)
    assert notes_of(clip) == ("It began at frame 2.",)
    assert frames_of(clip)[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_the_job_that_waited_runs(server: RunningServer, tmp_path: Path) -> None:
    events = followed(server, "old-queued")
    assert events[-1].state is JobState.DONE, events[-1].reason
    assert events[-1].attempt == 1
    assert frames_of(fetched(server, "old-queued", tmp_path)).shape == (4, 20, 32, 3)


def test_the_half_upload_goes_on_where_it_stopped(server: RunningServer, tmp_path: Path) -> None:
    payload = (STORE / "half-sent.shot").read_bytes()
    held: list[int] = []
    with server.client() as client:
        status = client.status("old-half-sent")
        assert (status.state, status.received) == (JobState.UPLOADING, len(payload) // 2)
        client.submit("old-half-sent", payload, "copy", "half sent", lambda progress: held.append(progress.done))
    assert held == [len(payload)], "one chunk was sent, the second half"
    assert followed(server, "old-half-sent")[-1].state is JobState.DONE
    assert len(fetched(server, "old-half-sent", tmp_path)) == 6


def test_nothing_of_the_old_attempts_is_left_at_the_end(server: RunningServer) -> None:
    for job_id in EXPECTED:
        followed(server, job_id)
    for name in ("uploads", "shots", "work", "checkpoints"):
        assert not list((server.data_dir / name).iterdir()), name
