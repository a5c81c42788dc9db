"""What an analysis of the server's sends back waits in a file until it is built into the scene."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..core.errors import ServiceError
from . import user_files
from .job_records import JobRecord

ANSWERS = "answers"
"""The folder of those files, in the add-on's own one."""


def answer_folder(job_id: str) -> Path:
    """Where the answer to a job goes."""
    return user_files.user_folder() / ANSWERS / job_id


def read_answer(record: JobRecord, name: str) -> bytes:
    """A file that was fetched. Raises ServiceError."""
    path = Path(record.folder) / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServiceError(
            "The server's answer cannot be read", f"{path}: {error.strerror}", "Ask for it again."
        ) from error


def discard_answer(record: JobRecord) -> None:
    """Remove what was fetched, once it is built in."""
    shutil.rmtree(record.folder, ignore_errors=True)
