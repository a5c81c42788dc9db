"""Jobs with a real server process of their own: started when nobody answers, followed, cancelled, killed, resumed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from blender_addon.core.errors import ServiceError, ShotError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.engine_checks import check_clip_engine
from blender_addon.core.protocol.keys import config_dir, server_keys
from blender_addon.core.protocol.messages import JobState
from blender_addon.core.protocol.server_address import ServerAddress
from blender_addon.generation.job_events import ServerSettings
from blender_addon.generation.job_records import JobRecord, JobRecords, ShotTask
from blender_addon.generation.job_view import Phase
from blender_addon.generation.jobs import Jobs
from blender_addon.generation.local_server import COMMAND_VARIABLE
from blender_addon.timeline.take import ShotPlacement
from server.demo.motorcycle import motorcycle
from tests.support.servers import PATIENCE, command_in, free_address, pid_of_server_in, running_server
from tests.support.shots import small_shot


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)


def settings_in(folder: Path, address: ServerAddress) -> ServerSettings:
    return ServerSettings(
        address=address,
        command=command_in(folder),
        client_id="test",
        software="test",
        log=folder / "server.log",
    )


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    """Nobody answers there: the add-on starts a server of its own."""
    return settings_in(tmp_path, free_address())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSettings]:
    """A server that somebody else has started and that outlives the add-on."""
    folder = tmp_path_factory.mktemp("running")
    with running_server(folder) as server:
        yield settings_in(folder, server.address)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


@pytest.fixture
def records(tmp_path: Path) -> JobRecords:
    return JobRecords(tmp_path / "records")


def shot(engine: str = "copy", **options: SettingValue) -> Shot:
    return small_shot(motorcycle(), engine, **options)


def record_of(shot: Shot, folder: Path, settings: ServerSettings) -> JobRecord:
    return JobRecord(
        job_id=uuid.uuid4().hex,
        server=str(settings.address),
        title="a shot",
        blend="/x.blend",
        scene="Scene",
        folder=str(folder),
        settings=shot.settings,
        submitted_at=time.time(),
        task=ShotTask(
            camera="Camera",
            placement=ShotPlacement(artist_width=64, artist_height=40, frame_start=1, frame_end=4),
        ),
    )


def pump_until(jobs: Jobs, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        jobs.pump()
        assert time.monotonic() < deadline, jobs.view
        time.sleep(0.005)


def begin(jobs: Jobs, settings: ServerSettings, records: JobRecords) -> None:
    jobs.begin("a shot", settings, records)
    pump_until(jobs, lambda: jobs.connected or not jobs.busy)


def submit(jobs: Jobs, settings: ServerSettings, records: JobRecords, made: Shot, folder: Path) -> JobRecord:
    begin(jobs, settings, records)
    assert jobs.connected, jobs.view
    record = record_of(made, folder, settings)
    jobs.submit(made, record)
    return record


def ended(jobs: Jobs) -> bool:
    return jobs.view is not None and (jobs.view.phase.final or jobs.view.phase is Phase.IMPORTING)


def test_a_shot_becomes_files_with_a_server_started_by_itself(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    seen = set()

    def done() -> bool:
        assert jobs.view is not None
        seen.add(jobs.view.phase)
        return ended(jobs)

    made = shot(pause=0.5)
    record = submit(jobs, settings, records, made, tmp_path / "take_001")
    assert jobs.engines[0].name == "copy"
    assert records.all() == (record,), "written down before it is sent"
    pump_until(jobs, done)
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error
    assert Phase.RUNNING in seen
    assert jobs.view.jpeg.startswith(b"\xff\xd8"), "a picture came with the progress"
    metadata = json.loads((tmp_path / "take_001" / "metadata.json").read_text())
    assert metadata["metadata"]["engine"] == "copy"
    assert len(list((tmp_path / "take_001" / "frames").glob("*.png"))) == 4
    jobs.placed()
    assert records.all() == ()
    assert not jobs.busy


def test_a_key_the_server_does_not_know_is_refused_at_once_and_the_panel_says_why(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = replace(running.address, server_key=server_keys(config_dir()).public)
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "of a stranger"))
    begin(jobs, replace(running, address=address), records)
    assert jobs.view is not None
    assert jobs.view.phase is Phase.FAILED
    assert "does not let this computer in: its key is not on the server's list" in jobs.view.error
    assert not records.all()


def test_a_second_shot_during_the_first_is_refused(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    submit(jobs, running, records, shot(pause=5.0), tmp_path / "take")
    with pytest.raises(ServiceError, match=r"another cannot be started now: a shot is under way .* cancel it\."):
        jobs.begin("another", running, records)


def test_cancel_reaches_the_server_and_leaves_no_record(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    record = submit(jobs, running, records, shot(pause=2.0), tmp_path / "take")
    pump_until(jobs, lambda: jobs.view is not None and jobs.view.phase is Phase.RUNNING and jobs.view.done > 0)
    jobs.cancel()
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.CANCELLED
    assert records.all() == ()
    with Client(running.address, "test", "test") as client:
        assert client.status(record.job_id).state is JobState.CANCELLED


@pytest.mark.parametrize(("engine", "sentence"), [("refuse", "too dark: mean 3 of 255"), ("bug", "KeyError")])
def test_an_engine_that_fails_is_quoted(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path, engine: str, sentence: str
) -> None:
    submit(jobs, running, records, shot(engine), tmp_path / "take")
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.FAILED
    assert sentence in jobs.view.error
    assert not jobs.view.resumable
    assert records.all() == ()


def test_an_engine_the_server_does_not_have_is_known_before_anything_is_rendered(
    jobs: Jobs, running: ServerSettings, records: JobRecords
) -> None:
    begin(jobs, running, records)
    with pytest.raises(ServiceError, match="no engine 'realcam': it has copy, crash"):
        check_clip_engine(jobs.engines, "realcam", (64, 40), 4)
    with pytest.raises(ShotError, match="no clips of 512 x 320: it makes 64 x 40"):
        check_clip_engine(jobs.engines, "copy", (512, 320), 4)
    with pytest.raises(ShotError, match="no clips of 16 frames: it makes 4"):
        check_clip_engine(jobs.engines, "copy", (64, 40), 16)
    assert check_clip_engine(jobs.engines, "copy", (64, 40), 4).name == "copy"
    with pytest.raises(ShotError, match=r"cannot end at a last image: its modes are basic\. Leave the last image out"):
        check_clip_engine(jobs.engines, "copy", (64, 40), 4, last_image=True)


def test_a_server_killed_in_mid_job_is_started_again_and_the_clip_arrives(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    submit(jobs, settings, records, shot(until=str(go_on)), tmp_path / "take")
    pump_until(jobs, lambda: jobs.view is not None and jobs.view.phase is Phase.RUNNING and jobs.view.done > 0)
    psutil.Process(pid_of_server_in(tmp_path)).kill()
    go_on.touch()
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error


def test_a_server_of_another_blender_that_ends_with_it_is_taken_over(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    """Two Blenders share the server that the first has started: the second's job outlives the first's end."""
    other = Jobs()
    begin(other, settings, JobRecords(tmp_path / "other records"))
    go_on = tmp_path / "go on"
    submit(jobs, settings, records, shot(until=str(go_on)), tmp_path / "take")
    pump_until(jobs, lambda: jobs.view is not None and jobs.view.phase is Phase.RUNNING)
    first = pid_of_server_in(tmp_path)
    other.close()
    go_on.touch()
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error
    assert pid_of_server_in(tmp_path) != first


def test_a_job_goes_on_after_blender_was_closed(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    submit(jobs, settings, records, shot(until=str(go_on)), tmp_path / "take")
    pump_until(jobs, lambda: jobs.view is not None and jobs.view.phase is Phase.RUNNING)
    jobs.close()
    go_on.touch()
    (record,) = records.of_blend("/x.blend")
    reopened = Jobs()
    try:
        reopened.resume(record, settings, records)
        pump_until(reopened, lambda: ended(reopened))
        assert reopened.view is not None
        assert reopened.view.phase is Phase.IMPORTING, reopened.view.error
        assert (tmp_path / "take" / "clip.mp4").stat().st_size > 0
    finally:
        reopened.close()


def test_a_shot_that_was_never_sent_is_sent_on_resuming(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    made = shot()
    record = record_of(made, tmp_path / "take", running)
    records.write(record)
    records.pending_upload(record.job_id).write_bytes(encode_shot(made))
    jobs.resume(record, running, records)
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error
    assert not records.pending_upload(record.job_id).exists()


@contextmanager
def no_file_above(nbytes: int) -> Iterator[None]:
    """The system refuses this process to write on in a file that has so many bytes, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_while_the_shot_is_kept_ends_the_job_in_words_and_leaves_nothing(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    with no_file_above(4096):
        record = submit(jobs, running, records, shot(), tmp_path / "take")
        pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert "cannot be kept on this disk: 0.1 MB at" in jobs.view.error
    assert "Free some space there and try again: nothing was sent." in jobs.view.error
    assert not jobs.view.resumable
    assert list((tmp_path / "records").iterdir()) == [], "neither half a shot nor a record of what cannot go on"
    with Client(running.address, "test", "test") as client:
        assert client.status(record.job_id).state is JobState.UNKNOWN


def test_half_a_shot_of_a_killed_blender_is_not_sent(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    made = shot()
    record = record_of(made, tmp_path / "take", running)
    records.write(record)
    half = encode_shot(made)[: 2**15]
    kept = records.pending_upload(record.job_id)
    kept.with_name(f"{kept.name}.part").write_bytes(half)
    jobs.resume(record, running, records)
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert "does not know this job: it was never sent whole" in jobs.view.error
    assert list((tmp_path / "records").iterdir()) == []


def test_a_job_that_the_server_forgot_is_said(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    record = record_of(shot(), tmp_path / "take", running)
    records.write(record)
    jobs.resume(record, running, records)
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert "does not know this job" in jobs.view.error
    assert records.all() == ()


def test_no_server_and_none_to_start(jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path) -> None:
    jobs.begin("a shot", replace(settings, command="no-such-program"), records)
    pump_until(jobs, lambda: not jobs.busy)
    assert jobs.view is not None
    assert "there is no program 'no-such-program' in the folders of Blender's PATH" in jobs.view.error
    jobs.begin("a shot", replace(settings, start_locally=False), records)
    pump_until(jobs, lambda: not jobs.busy)
    assert jobs.view is not None
    assert f"No server answers at {settings.address}" in jobs.view.error


def test_a_full_or_closed_folder_keeps_the_job(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    (tmp_path / "in the way").write_text("a file, where the clip's folder should be")
    record = submit(jobs, running, records, shot(), tmp_path / "in the way")
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.FAILED
    assert jobs.view.resumable
    assert records.all() == (record,)
    (tmp_path / "in the way").unlink()
    jobs.resume(record, running, records)
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error


def test_a_server_that_goes_while_the_preview_renders(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    begin(jobs, settings, records)
    psutil.Process(pid_of_server_in(tmp_path)).kill()
    made = shot()
    jobs.submit(made, record_of(made, tmp_path / "take", settings))
    pump_until(jobs, lambda: ended(jobs))
    assert jobs.view is not None
    assert jobs.view.phase is Phase.IMPORTING, jobs.view.error


def test_blender_closing_before_the_shot_was_sent_keeps_it(
    jobs: Jobs, running: ServerSettings, records: JobRecords, tmp_path: Path
) -> None:
    begin(jobs, running, records)
    made = shot()
    record = record_of(made, tmp_path / "take", running)
    jobs.submit(made, record)
    jobs.close()
    reopened = Jobs()
    try:
        reopened.resume(record, running, records)
        pump_until(reopened, lambda: ended(reopened))
        assert reopened.view is not None
        assert reopened.view.phase is Phase.IMPORTING, reopened.view.error
    finally:
        reopened.close()


def test_the_very_first_shot_of_a_computer_has_no_keys_yet(
    jobs: Jobs, settings: ServerSettings, records: JobRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))
    begin(jobs, settings, records)
    assert jobs.connected, jobs.view
    assert (tmp_path / "config" / "server.key").is_file()
