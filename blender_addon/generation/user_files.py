"""Where the add-on keeps its own files, and the name under which its jobs belong to this Blender."""

from __future__ import annotations

import uuid
from pathlib import Path

import bpy

EXTENSION = __package__.rpartition(".")[0]
"""The add-on's own package: `bl_ext.<repository>.realcam` when installed, `blender_addon` from a checkout."""


def user_folder() -> Path:
    """The add-on's own writable folder: the extension's, or Blender's config when it runs from a checkout."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, create=True))
    except ValueError:
        return Path(bpy.utils.user_resource("CONFIG", path="realcam", create=True))


def client_id() -> str:
    """The same over restarts of Blender: the server knows our jobs by it. Made on first use."""
    path = user_folder() / "client_id"
    if path.is_file():
        return path.read_text("ascii").strip()
    made = uuid.uuid4().hex
    path.write_text(made, "ascii")
    return made


def records_folder() -> Path:
    """Where jobs under way are written down."""
    return user_folder() / "jobs"


def server_log() -> Path:
    """What the local server says goes here."""
    return user_folder() / "server.log"
