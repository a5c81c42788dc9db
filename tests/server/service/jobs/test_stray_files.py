"""Files that belong to no job in the store's folders: file managers, network file systems and people leave them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from blender_addon.core.protocol.messages import JobState, ResultFile
from server.service.jobs.job_files import MANIFEST, JobFiles, Manifest
from server.service.jobs.job_manager import JobManager, reconcile
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from tests.support.systems.foreign_files import COPIES, FILES

DONE, QUEUED, FORGOTTEN = "job-0000done", "job-00queued", "job-forgotten"
STRAY_FILES = (*FILES, f"._{DONE}", f"._{DONE}.shot", ".part", ".1", *(copy.format(DONE, ".shot") for copy in COPIES))
STRAY_FOLDERS = ("lost+found", ".Trash-1000", "@eaDir", *(copy.format(DONE, "") for copy in COPIES))


@pytest.fixture
def manager(tmp_path: Path) -> JobManager:
    """A store with a finished job and a queued one that has a checkpoint, and files of a job that it never had."""
    manager = JobManager(JobStore(tmp_path / "jobs.sqlite3"), JobFiles(tmp_path), lambda event: None)
    files = manager.files
    for job_id in (DONE, QUEUED):
        job = manager.store.create(job_id, "anna", "0" * 64, 4, "copy", "", 1.0)
        files.payload(job_id).write_bytes(b"shot")
        job = manager.move(job, Cause.PAYLOAD_STORED)
        if job_id == DONE:
            job = manager.move(job, Cause.STARTED)
            job = manager.move(job, Cause.CLIP_MADE)
            files.result_folder(job_id).mkdir()
            (files.result_folder(job_id) / "clip.mp4").write_bytes(b"clip")
            results = (ResultFile(name="clip.mp4", nbytes=4, sha256="1" * 64),)
            manifest = Manifest(job_id=job_id, attempt=1, engine_seconds=0.0, results=results)
            (files.result_folder(job_id) / MANIFEST).write_bytes(msgspec.json.encode(manifest))
            manager.move(job, Cause.RESULTS_STORED, results=results, engine_seconds=0.0)
    files.checkpoints(QUEUED).mkdir()
    (files.checkpoints(QUEUED) / "state").write_bytes(b"half done")
    files.result_folder(FORGOTTEN).mkdir()
    files.upload(FORGOTTEN).write_bytes(b"sh")
    return manager


def test_a_start_leaves_what_is_not_ours_alone_and_loses_no_job(manager: JobManager) -> None:
    files = manager.files
    folders = [files.uploads, files.payloads, files.work, files.checkpoints(QUEUED).parent, files.results]
    strays = [folder / name for folder in folders for name in (*STRAY_FILES, *STRAY_FOLDERS)]
    for stray in strays:
        stray.mkdir() if stray.name in STRAY_FOLDERS else stray.write_bytes(b"not ours")

    for _ in range(2):
        reconcile(manager)

    assert files.job_ids() == {DONE, QUEUED}
    assert (files.result_folder(DONE) / "clip.mp4").read_bytes() == b"clip"
    assert files.payload(QUEUED).read_bytes() == b"shot"
    assert (files.checkpoints(QUEUED) / "state").read_bytes() == b"half done"
    assert [str(stray) for stray in strays if not stray.exists()] == []
    assert [manager.store.get(job_id).state for job_id in (DONE, QUEUED)] == [JobState.DONE, JobState.QUEUED]


def test_a_start_looks_for_files_of_those_jobs_alone_that_may_have_some_to_delete(
    manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's history is long, and its start is what everybody waits for."""
    real, looked_at = manager.tidy, set[str]()

    def tidy(job_ids: Iterable[str]) -> None:
        looked_at.update(job_ids)
        real(looked_at)

    monkeypatch.setattr(manager, "tidy", tidy)
    reconcile(manager)
    assert looked_at == {QUEUED, FORGOTTEN}
    manager.files.payload(DONE).write_bytes(b"left by a server that was killed")
    manager.files.result_folder(FORGOTTEN).mkdir()
    reconcile(manager)
    assert DONE in looked_at
    assert manager.files.job_ids() == {DONE, QUEUED}
    assert manager.files.input_ids() == {QUEUED}


@pytest.mark.parametrize("job_id", ["", ".", "..", "a", "../results", "job-0001/..", "JOB-00000001", "job-00000001\n"])
def test_no_path_is_made_of_what_is_no_job_id(tmp_path: Path, job_id: str) -> None:
    """An empty id would name the folder of every job."""
    files = JobFiles(tmp_path)
    kept = files.result_folder(DONE)
    kept.mkdir()
    for use in (files.upload, files.payload, files.result_folder, files.checkpoints, files.discard, files.discard_work):
        with pytest.raises(ValueError, match="is no job id"):
            use(job_id)
    with pytest.raises(ValueError, match="is no job id"):
        files.work_folder(job_id, 1)
    assert kept.is_dir()
