"""Where the add-on keeps its own files, and the name under which its jobs belong to this Blender."""

from __future__ import annotations

import uuid
from functools import lru_cache
from pathlib import Path

from ..core.atomic_file import write_atomic
from ..core.errors import ServiceError
from ..user_folder import EXTENSION, user_folder

__all__ = ["EXTENSION", "client_id", "records_folder", "server_log", "user_folder"]


def client_id() -> str:
    """The name by which a server knows this Blender's jobs; made on first use, the same over restarts.

    Raises:
        ServiceError: The disk refuses.
    """
    return _kept_client_id(user_folder() / "client_id")


@lru_cache(maxsize=1)
def _kept_client_id(path: Path) -> str:
    """The id in a file; a panel asks for it at each draw."""
    try:
        # An empty file is what a version that did not write it in one step left when it was killed.
        if path.is_file() and (known := path.read_text("ascii").strip()):
            return known
        made = uuid.uuid4().hex
        write_atomic(path, made.encode("ascii"), sync=True)
    except OSError as error:
        raise ServiceError(
            "The name under which a server knows this Blender cannot be kept",
            f"{path}: {error.strerror or error}",
            "Free some space there and try again.",
        ) from error
    return made


def records_folder() -> Path:
    """The folder of job records and pending uploads."""
    return user_folder() / "jobs"


def server_log() -> Path:
    """The file that a local server's output goes to."""
    return user_folder() / "server.log"
