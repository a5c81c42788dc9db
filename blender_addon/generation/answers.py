"""The folder in which the result of a depth estimate or a camera check waits until it is built into the scene."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ServiceError
from ..core.held_files import discard
from . import user_files
from .job_records import JobRecord

ANSWERS = "answers"
"""The name of that folder inside the add-on's own folder."""


def answer_folder(job_id: str) -> Path:
    """The folder that the result files of a job are fetched into."""
    return user_files.user_folder() / ANSWERS / job_id


def read_answer(record: JobRecord, name: str) -> bytes:
    """The bytes of a fetched result file.

    Args:
        record: The record of the job; its `folder` holds the file.
        name: The file's name inside that folder.

    Raises:
        ServiceError: The file cannot be read.
    """
    path = Path(record.folder) / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServiceError(
            "The server's answer cannot be read", f"{path}: {error.strerror}", "Ask for it again."
        ) from error


def discard_answer(record: JobRecord) -> None:
    """Remove the job's fetched files, once they are built into the scene."""
    discard(Path(record.folder))
