"""What a laid-out photo is, for tests of every way to change one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


def photo_of(bpy: ModuleType) -> Any:
    """The scene's photo."""
    from blender_addon.scene import find_photo_scene

    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    return photo


def state(bpy: ModuleType) -> tuple[Any, ...]:
    """What a refused change must leave as it was."""
    photo = photo_of(bpy)
    return photo.depth().tobytes(), photo.record, photo.mesh.get("realcam_layout")


def check_mesh_is_the_stored_layout(bpy: ModuleType) -> None:
    """The photo's depth is that of the JSON stored on it."""
    from blender_addon.core.depth.layout.layout import layout_of
    from blender_addon.core.depth.layout.layout_depth import layout_depth

    photo = photo_of(bpy)
    layout = layout_of(photo.mesh["realcam_layout"])
    size = (photo.record.columns, photo.record.rows)
    expected = layout_depth(layout, size, photo.intrinsics, photo.photo_size) * photo.record.scale
    assert np.allclose(photo.depth(), expected, rtol=1e-5)
