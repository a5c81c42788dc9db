"""Inputs and results of jobs as files. A name appears only when what it names is whole and on disk.

<data>/uploads/<job>.part      bytes as they come
<data>/shots/<job>.shot        a whole shot, its checksum verified and its bytes read as one
<data>/work/<job>.<attempt>/   what a worker is writing; only this attempt touches it
<data>/checkpoints/<job>/      what the next attempt can go on from
<data>/results/<job>/          a finished clip, with manifest.json

Whatever else lies in these folders (a file manager's .DS_Store, ._x, an NFS leftover, somebody's copy) is not ours and
is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec

from blender_addon.core.protocol.messages import JOB_ID_PATTERN, ResultFile

MANIFEST = "manifest.json"

_JOB_ID = re.compile(JOB_ID_PATTERN)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker leaves beside the results, written last: proof that they are whole."""

    job_id: str
    attempt: int
    engine_seconds: float
    results: tuple[ResultFile, ...]


class JobFiles:
    """Paths and file operations of one data directory. Safe from several threads for different jobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (root, *self._of_jobs):
            folder.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            root.chmod(0o700)

    @property
    def _of_jobs(self) -> tuple[Path, ...]:
        return self.uploads, self.payloads, self.work, self.root / "checkpoints", self.results

    @property
    def uploads(self) -> Path:
        """Shots on their way in."""
        return self.root / "uploads"

    @property
    def payloads(self) -> Path:
        """Shots that were accepted."""
        return self.root / "shots"

    @property
    def work(self) -> Path:
        """Results in the making."""
        return self.root / "work"

    @property
    def results(self) -> Path:
        """Finished clips."""
        return self.root / "results"

    def upload(self, job_id: str) -> Path:
        """Where the bytes of a shot gather. This and the paths below raise ValueError for what is no job id."""
        return self.uploads / f"{_checked(job_id)}.part"

    def payload(self, job_id: str) -> Path:
        """A whole shot."""
        return self.payloads / f"{_checked(job_id)}.shot"

    def work_folder(self, job_id: str, attempt: int) -> Path:
        """Where one attempt writes."""
        return self.work / f"{_checked(job_id)}.{attempt}"

    def result_folder(self, job_id: str) -> Path:
        """Where a finished clip lies."""
        return self.results / _checked(job_id)

    def checkpoints(self, job_id: str) -> Path:
        """Where attempts leave what the next one can go on from."""
        return self.root / "checkpoints" / _checked(job_id)

    def received(self, job_id: str) -> int:
        """Bytes of the upload that are here."""
        try:
            return self.upload(job_id).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, job_id: str, offset: int, data: memoryview) -> int:
        """Add bytes at `offset`, which must be where the upload ends. Returns its new length. Raises OSError; what was
        written in part is cut off again."""
        written = 0
        with self.upload(job_id).open("ab", buffering=0) as stream:
            try:
                while written < data.nbytes:
                    written += stream.write(data[written:])
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(stream.fileno(), offset)
                raise
        return offset + data.nbytes

    def verify_upload(self, job_id: str, digest: str) -> bool:
        """Verify and sync a whole upload. False, and the upload is gone, when its checksum is wrong."""
        part = self.upload(job_id)
        with part.open("r+b") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                stream.close()
                part.unlink()
                return False
            os.fsync(stream.fileno())
        return True

    def store_payload(self, job_id: str) -> None:
        """Name an upload that was verified and can be read as a shot."""
        self.upload(job_id).replace(self.payload(job_id))
        sync_folder(self.payloads)

    def store_results(self, job_id: str, attempt: int) -> None:
        """Give an attempt's synced folder the job's name. Raises OSError."""
        target = self.result_folder(job_id)
        if target.exists():
            shutil.rmtree(target)
        self.work_folder(job_id, attempt).replace(target)
        sync_folder(self.results)

    def finished_results(self, job_id: str) -> Manifest | None:
        """The manifest of results that were named, if every file it lists is there and whole."""
        folder = self.result_folder(job_id)
        try:
            manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
            for file in manifest.results:
                with (folder / file.name).open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                        return None
        except (OSError, msgspec.DecodeError):
            return None
        return manifest if manifest.job_id == job_id else None

    def discard_work(self, job_id: str) -> None:
        """Throw away what attempts of this job left half-made."""
        _checked(job_id)
        # Not glob: it would keep a compiled pattern for each job.
        for folder in self.work.iterdir():
            if _job_of(folder) == job_id:
                shutil.rmtree(folder, ignore_errors=True)

    def discard_inputs(self, job_id: str) -> None:
        """Throw away what a job that has ended needs no more."""
        self.discard_work(job_id)
        self.upload(job_id).unlink(missing_ok=True)
        self.payload(job_id).unlink(missing_ok=True)
        shutil.rmtree(self.checkpoints(job_id), ignore_errors=True)

    def discard(self, job_id: str) -> None:
        """Throw away everything of a job."""
        self.discard_inputs(job_id)
        shutil.rmtree(self.result_folder(job_id), ignore_errors=True)

    def job_ids(self) -> set[str]:
        """Every job that has left a file anywhere."""
        found = (_job_of(path) for folder in self._of_jobs for path in folder.iterdir())
        return {job_id for job_id in found if job_id is not None}


def _checked(job_id: str) -> str:
    """The id itself. Raises ValueError for anything else: an empty one would name the folder of all jobs."""
    if _JOB_ID.match(job_id) is None:
        raise ValueError(f"{job_id!r} is no job id")
    return job_id


def _job_of(path: Path) -> str | None:
    """The job whose file or folder this is, by its name; None when the name is not one that we give."""
    job_id, _, rest = path.name.partition(".")
    ours = rest in ("", "part", "shot") or rest.isdecimal()
    return job_id if ours and _JOB_ID.match(job_id) else None


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
