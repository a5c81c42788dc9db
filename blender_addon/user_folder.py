"""The add-on's own writable folder."""

from __future__ import annotations

from pathlib import Path

import bpy

EXTENSION = __package__
"""The add-on's own package: `bl_ext.<repository>.realcam` when installed, `blender_addon` from a checkout."""


def user_folder() -> Path:
    """The add-on's own writable folder: the extension's, or Blender's config when it runs from a checkout."""
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, create=True))
    except ValueError:
        return Path(bpy.utils.user_resource("CONFIG", path="realcam", create=True))


def unsaved_folder() -> Path:
    """Where the clips of files are kept that have no name yet; it stays when Blender is closed."""
    return user_folder() / "unsaved"
