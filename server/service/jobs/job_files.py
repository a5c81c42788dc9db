"""The files of jobs. A file or folder gets its final name only once it is complete and on disk.

<data>/uploads/<job>.part      bytes as they come
<data>/shots/<job>.shot        a complete payload, its checksum verified and decoded once
<data>/work/<job>.<attempt>/   what a worker is writing; only this attempt touches it
<data>/checkpoints/<job>/      what the next attempt can go on from
<data>/results/<job>/          a finished clip, with manifest.json

Other files in these folders (a file manager's .DS_Store, ._x, an NFS leftover, a copy) are left alone.
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
    """Lists a job's result files. The worker writes it last: it proves that they are complete.

    Attributes:
        job_id: the job.
        attempt: the attempt that made them.
        engine_seconds: how long the engine took.
        results: the files, names relative to the manifest's folder.
    """

    job_id: str
    attempt: int
    engine_seconds: float
    results: tuple[ResultFile, ...]


class JobFiles:
    """Paths and file operations of one data directory. Safe from several threads for different jobs.

    Methods that take a job id raise ValueError for a string that is not one.

    Args:
        root: the data directory; made with its folders where missing.
    """

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
        """The folder of unfinished uploads."""
        return self.root / "uploads"

    @property
    def payloads(self) -> Path:
        """The folder of accepted payloads."""
        return self.root / "shots"

    @property
    def work(self) -> Path:
        """The folder of results that are being written."""
        return self.root / "work"

    @property
    def results(self) -> Path:
        """The folder of finished results."""
        return self.root / "results"

    def upload(self, job_id: str) -> Path:
        """The file in which the bytes of an upload gather."""
        return self.uploads / f"{_checked(job_id)}.part"

    def payload(self, job_id: str) -> Path:
        """The file of an accepted payload."""
        return self.payloads / f"{_checked(job_id)}.shot"

    def work_folder(self, job_id: str, attempt: int) -> Path:
        """The folder that one attempt writes its results to."""
        return self.work / f"{_checked(job_id)}.{attempt}"

    def result_folder(self, job_id: str) -> Path:
        """The folder of a job's finished results."""
        return self.results / _checked(job_id)

    def checkpoints(self, job_id: str) -> Path:
        """The folder in which attempts leave what the next one can go on from."""
        return self.root / "checkpoints" / _checked(job_id)

    def received(self, job_id: str) -> int:
        """The bytes of the upload that are here."""
        try:
            return self.upload(job_id).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, job_id: str, offset: int, data: memoryview) -> int:
        """Add bytes to an upload; a part of them that was written before an error is cut off again.

        Args:
            job_id: which upload.
            offset: the upload's length so far.
            data: the bytes.

        Returns:
            Its new length.

        Raises:
            OSError: they cannot be written.
        """
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
        """Verify and sync a complete upload.

        Args:
            job_id: which upload.
            digest: its SHA-256, hexadecimal.

        Returns:
            False when its checksum is wrong; the upload is then deleted.
        """
        part = self.upload(job_id)
        with part.open("r+b") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                stream.close()
                part.unlink()
                return False
            os.fsync(stream.fileno())
        return True

    def store_payload(self, job_id: str) -> None:
        """Move an upload that was verified and decoded to its final name."""
        self.upload(job_id).replace(self.payload(job_id))
        sync_folder(self.payloads)

    def store_results(self, job_id: str, attempt: int) -> None:
        """Move an attempt's synced work folder to the job's result folder, in place of one that is there.

        Raises:
            OSError: it cannot be moved.
        """
        target = self.result_folder(job_id)
        if target.exists():
            shutil.rmtree(target)
        self.work_folder(job_id, attempt).replace(target)
        sync_folder(self.results)

    def finished_results(self, job_id: str) -> Manifest | None:
        """The manifest of a job's results; None unless every file that it lists is there with the right checksum."""
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
        """Delete the work folders of all attempts of this job."""
        _checked(job_id)
        # Not glob: it would cache a compiled pattern for each job.
        for folder in self.work.iterdir():
            if _job_of(folder) == job_id:
                shutil.rmtree(folder, ignore_errors=True)

    def discard_inputs(self, job_id: str) -> None:
        """Delete what a job that has ended no longer needs: work folders, upload, payload and checkpoints."""
        self.discard_work(job_id)
        self.upload(job_id).unlink(missing_ok=True)
        self.payload(job_id).unlink(missing_ok=True)
        shutil.rmtree(self.checkpoints(job_id), ignore_errors=True)

    def discard(self, job_id: str) -> None:
        """Delete every file of a job."""
        self.discard_inputs(job_id)
        shutil.rmtree(self.result_folder(job_id), ignore_errors=True)

    def job_ids(self) -> set[str]:
        """The id of every job that has a file in any folder."""
        found = (_job_of(path) for folder in self._of_jobs for path in folder.iterdir())
        return {job_id for job_id in found if job_id is not None}


def _checked(job_id: str) -> str:
    """The id itself.

    Raises:
        ValueError: it is no job id; an empty one would name the folder of all jobs.
    """
    if _JOB_ID.match(job_id) is None:
        raise ValueError(f"{job_id!r} is no job id")
    return job_id


def _job_of(path: Path) -> str | None:
    """The job whose file or folder this is, by its name; None when it is not a name that JobFiles gives."""
    job_id, _, rest = path.name.partition(".")
    ours = rest in ("", "part", "shot") or rest.isdecimal()
    return job_id if ours and _JOB_ID.match(job_id) else None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and needs none."""
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
