"""The records of jobs while another program holds them, and among files that are none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.generation import job_records
from blender_addon.generation.answers import discard_answer
from blender_addon.generation.job_events import Failed
from blender_addon.generation.job_records import JobRecord, JobRecords, ShotTask
from blender_addon.generation.job_view import JobView, Phase
from blender_addon.generation.jobs import Jobs
from blender_addon.timeline.take import ShotPlacement
from tests.support.systems.foreign_files import strew
from tests.support.systems.refused_calls import FOREVER, refused_first

JOB = "a" * 31 + "1"


def record(folder: Path) -> JobRecord:
    placement = ShotPlacement(artist_width=64, artist_height=40, pixel_aspect=1.0, frame_start=1, frame_end=9)
    return JobRecord(
        job_id=JOB,
        server="127.0.0.1:47110",
        title="shot",
        blend="/films/one.blend",
        scene="Scene",
        folder=str(folder),
        settings=ShotSettings(engine="draft"),
        submitted_at=1.0,
        task=ShotTask(camera="Camera", placement=placement),
    )


def test_a_record_is_written_and_removed_though_it_is_held_for_a_moment(tmp_path: Path) -> None:
    records = JobRecords(tmp_path)
    with refused_first(2, tmp_path):
        for _ in range(2):
            records.write(record(tmp_path))
        records.pending_upload(JOB).write_bytes(b"shot")
        records.forget(JOB)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_job_is_told_though_its_files_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What raises in Blender's timer would end the timer, and the panel would stand still."""
    monkeypatch.setattr(job_records, "PATIENCE", 0.0)
    folder = tmp_path / "take_001"
    folder.mkdir()
    jobs = Jobs()
    jobs._records = JobRecords(tmp_path / "jobs")
    jobs.record = record(folder)
    jobs._records.write(jobs.record)
    jobs.view = JobView("shot", job_id=JOB)
    with refused_first(FOREVER, tmp_path):
        jobs._take_in(Failed(JOB, "The engine failed."))
    assert (jobs.view.phase, jobs.view.error) == (Phase.FAILED, "The engine failed.")
    assert folder.is_dir()


def test_an_answer_that_cannot_be_removed_stays(tmp_path: Path) -> None:
    folder = tmp_path / "answers" / JOB
    folder.mkdir(parents=True)
    (folder / "depth.npz").write_bytes(b"depth")
    with refused_first(FOREVER, tmp_path):
        discard_answer(record(folder))
    assert (folder / "depth.npz").is_file()
    discard_answer(record(folder))
    assert not folder.exists()


def test_foreign_files_and_copies_are_no_jobs(tmp_path: Path) -> None:
    records = JobRecords(tmp_path)
    records.write(record(tmp_path))
    strew(tmp_path)
    (tmp_path / f"{'b' * 32}.json").mkdir()
    assert records.all() == (record(tmp_path),)
