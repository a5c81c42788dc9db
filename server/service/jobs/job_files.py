"""The files of jobs. A file or folder gets its final name only once it is complete and on disk.

<data>/uploads/<job>.part      bytes as they come
<data>/shots/<job>.shot        a complete payload, its checksum verified and decoded once
<data>/work/<job>.<attempt>/   what a worker is writing; only this attempt touches it
<data>/checkpoints/<job>/      what the next attempt can go on from
<data>/results/<job>/          a finished clip, with manifest.json
<data>/trash/                  files of forgotten jobs, and large ones of jobs that have ended: they are being deleted

Other files in these folders (a file manager's .DS_Store, ._x, an NFS leftover, a copy) are left alone. What another
program holds open and cannot be deleted therefore (Windows) stays for the housekeeping, see `JobFiles.leftover`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from blender_addon.core.atomic_file import sync_folder
from blender_addon.core.held_files import remove_file, remove_tree, rename_path, replace_path
from blender_addon.core.protocol.messages import JOB_ID_PATTERN, ResultFile

log = logging.getLogger("realcam.files")

MANIFEST = "manifest.json"

AT_ONCE_BYTES, AT_ONCE_FILES = 32 * 1024 * 1024, 100
"""Most bytes and files that are deleted while the loop waits: a gigabyte holds it up for a tenth of a second."""

_JOB_ID = re.compile(JOB_ID_PATTERN)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Lists a job's result files. The worker writes it last: it proves that they are complete.

    Attributes:
        job_id: the job.
        attempt: the attempt that made them.
        engine_seconds: how long the engine took.
        results: the files, names relative to the manifest's folder.
        clip_pixels: of all frames of the clip together; 0 where none was made, and in manifests of before.
    """

    job_id: str
    attempt: int
    engine_seconds: float
    results: tuple[ResultFile, ...]
    clip_pixels: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What the job's record takes over, by the names of JobStore.apply."""
        return {"results": self.results, "engine_seconds": self.engine_seconds, "clip_pixels": self.clip_pixels}


class JobFiles:
    """Paths and file operations of one data directory. Safe from several threads for different jobs.

    Methods that take a job id raise ValueError for a string that is not one. Those that the loop's thread calls do not
    wait for a file that another program holds, and leave what takes long to delete to `empty_trash`.

    Args:
        root: the data directory; made with its folders where missing.

    Attributes:
        leftover: ids of jobs of which something could not be deleted; it is to be tried again.
        has_trash: whether something was set aside since `empty_trash` was called.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.leftover: set[str] = set()
        for folder in (root, *self._of_jobs, self.trash):
            folder.mkdir(parents=True, exist_ok=True)
        self.has_trash = False
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

    @property
    def trash(self) -> Path:
        """The folder of what is to be deleted, under names of its own."""
        return self.root / "trash"

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
                remove_file(part)
                return False
            os.fsync(stream.fileno())
        return True

    def store_payload(self, job_id: str) -> None:
        """Move an upload that was verified and decoded to its final name."""
        replace_path(self.upload(job_id), self.payload(job_id))
        sync_folder(self.payloads)

    def store_results(self, job_id: str, attempt: int) -> None:
        """Move an attempt's synced work folder to the job's result folder, in place of one that is there.

        After an error the same call tries again; what was moved before is left there.

        Raises:
            FileNotFoundError: there is no such work folder, nor results of this attempt.
            OSError: it cannot be moved now; the work folder is whole.
        """
        work, target = self.work_folder(job_id, attempt), self.result_folder(job_id)
        moved = not work.exists() and (manifest := _manifest(target)) is not None and manifest.attempt == attempt
        if not moved:
            self.results.mkdir(exist_ok=True)
            remove_tree(target, patience=0.0)
            replace_path(work, target, patience=0.0)
        sync_folder(self.results)

    def finished_results(self, job_id: str) -> Manifest | None:
        """The manifest of a job's results; None unless every file that it lists is there with the right checksum."""
        return _whole(self.result_folder(job_id), job_id)

    def finished_work(self, job_id: str, attempt: int) -> Manifest | None:
        """The same of what an attempt wrote and nobody moved to the results."""
        return _whole(self.work_folder(job_id, attempt), job_id)

    def discard_work(self, job_id: str) -> None:
        """Delete the work folders of all attempts of this job."""
        self._discard(job_id, self._work_folders(job_id))

    def discard_inputs(self, job_id: str) -> None:
        """Delete what a job that has ended no longer needs: work folders, upload, payload and checkpoints."""
        self._discard(job_id, self._inputs(job_id))

    def discard(self, job_id: str) -> None:
        """Delete every file of a job."""
        self._discard(job_id, [*self._inputs(job_id), self.result_folder(job_id)])

    def set_aside(self, job_id: str) -> None:
        """Take every file of a job from its place, for `empty_trash` to delete: a rename each, however large it is.

        Another job may have the id at once.
        """
        paths = filter(os.path.lexists, [*self._inputs(job_id), self.result_folder(job_id)])
        self._note_leftover(job_id, [error for path in paths if (error := self._set_aside(path)) is not None])

    def _set_aside(self, path: Path) -> OSError | None:
        """None once a file or folder is where `empty_trash` finds it, or gone; else why it is not."""
        try:
            rename_path(path, self.trash / f"{uuid.uuid4().hex}.{path.name}", patience=0.0)
        except FileNotFoundError:
            return None
        except OSError as error:
            return error
        self.has_trash = True
        return None

    def empty_trash(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Delete what was set aside. Meant for a thread of its own: a job may have gigabytes.

        Args:
            stopped: asked before each file or folder; the next call deletes what is left then.
        """
        self.has_trash = False
        for path in self.trash.iterdir():
            if stopped():
                return
            if (error := _deleted(path)) is not None:
                log.warning("not deleted yet, tried again: %s", error)

    def _work_folders(self, job_id: str) -> list[Path]:
        _checked(job_id)
        # Not glob: it would cache a compiled pattern for each job.
        return [folder for folder in self.work.iterdir() if _job_of(folder) == job_id]

    def _inputs(self, job_id: str) -> list[Path]:
        single = [self.upload(job_id), self.payload(job_id), self.checkpoints(job_id)]
        return [*self._work_folders(job_id), *single]

    def _discard(self, job_id: str, paths: list[Path]) -> None:
        """Delete files and folders of a job. Where one stays, the job is in `leftover` and it is logged once."""
        ends = [self._set_aside(path) if _is_large(path) else _deleted(path) for path in paths]
        self._note_leftover(job_id, [error for error in ends if error is not None])

    def _note_leftover(self, job_id: str, refused: list[OSError]) -> None:
        if refused and job_id not in self.leftover:
            log.warning("not deleted yet, tried again: %s", refused[0], extra={"job": job_id})
        (self.leftover.add if refused else self.leftover.discard)(job_id)

    def job_ids(self) -> set[str]:
        """The id of every job that has a file in any folder."""
        return _ids_in(self._of_jobs)

    def input_ids(self) -> set[str]:
        """The id of every job that has a file outside the folder of results."""
        return _ids_in(folder for folder in self._of_jobs if folder != self.results)


def _ids_in(folders: Iterable[Path]) -> set[str]:
    found = (_job_of(path) for folder in folders for path in folder.iterdir())
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


def _is_large(path: Path) -> bool:
    """Whether a file or folder has more bytes or files than are deleted while the loop waits."""
    nbytes = 0
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    for files, found in enumerate(itertools.chain([path], inside)):
        with contextlib.suppress(OSError):
            nbytes += found.lstat().st_size
        if nbytes > AT_ONCE_BYTES or files > AT_ONCE_FILES:
            return True
    return False


def _deleted(path: Path) -> OSError | None:
    """None once a file or folder is gone, else why it is not."""
    try:
        if path.is_dir():
            remove_tree(path, patience=0.0)
        else:
            remove_file(path, patience=0.0)
    except OSError as error:
        return error
    return None


def _manifest(folder: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def _whole(folder: Path, job_id: str) -> Manifest | None:
    """The manifest in a folder of results of this job, if every file that it lists has the right checksum."""
    manifest = _manifest(folder)
    if manifest is None or manifest.job_id != job_id:
        return None
    try:
        for file in manifest.results:
            with (folder / file.name).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                    return None
    except OSError:
        return None
    return manifest
