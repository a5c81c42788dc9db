"""The size and frame count of a shot's clip: what the artist chose, else what fits the render.

The scene stores plain numbers. As long as the artist has chosen no size, it is the engine's size that fits the render
best; it follows the render. A stored choice that is not on offer stays in the list.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..core.camera.frame_fit import best_size
from ..shot.camera_sample import render_frame
from .engine_choice import EnumItem, capability, enum_items, index_of


def clip_size(shot: Any) -> tuple[int, int]:
    """(width, height) of the clip in pixels: the artist's choice, else the one that fits the scene's render.

    Args:
        shot: `scene.realcam` (properties.RealCamShot).
    """
    stored = (shot.clip_width, shot.clip_height)
    if shot.is_property_set("clip_width") or shot.is_property_set("clip_height"):
        return stored
    return fitting_size(shot) or stored


def fitting_size(shot: Any) -> tuple[int, int] | None:
    """The engine's size that fits the scene's render best; None when the engine is not on offer."""
    engine = capability(shot)
    if engine is None or not engine.sizes:
        return None
    frame = render_frame(shot.id_data)
    return best_size(engine.sizes, (frame.width, frame.height), (frame.aspect_x, frame.aspect_y))


def clip_frames(shot: Any) -> int:
    """How many frames the clip has: the artist's choice, else the engine's usual number."""
    counts = frame_counts(shot)
    if shot.is_property_set("clip_frames") or not counts or shot.clip_frames in counts:
        return int(shot.clip_frames)
    return counts[0]


def frame_counts(shot: Any) -> tuple[int, ...]:
    """The engine's frame counts of more than one frame, its usual one first; empty when it is not on offer."""
    engine = capability(shot)
    return tuple(count for count in engine.frame_counts if count > 1) if engine else ()


def fitting_frames(shot: Any) -> int | None:
    """The engine's frame count nearest the length of the shot's range; None when the engine is not on offer."""
    first, last = shot.frame_range()
    return min(frame_counts(shot), key=lambda count: (abs(count - (last - first + 1)), count), default=None)


def fit_range(shot: Any) -> None:
    """Make the shot's range, the scene's or its own, as long as the clip has frames. Its first frame stays."""
    first, _ = shot.frame_range()
    last = first + clip_frames(shot) - 1
    if shot.use_scene_range:
        shot.id_data.frame_end = last
    else:
        shot.frame_end = last


def size_items(shot: Any, _context: bpy.types.Context | None) -> list[EnumItem]:
    """The drop-down's items: every clip size of the engine, and the one in force."""
    engine = capability(shot)
    offered = [(f"{w}x{h}", f"{w} × {h}", "Pixels of the clip") for w, h in engine.sizes] if engine else []
    width, height = clip_size(shot)
    return enum_items("size", offered, (f"{width}x{height}", f"{width} × {height} (not offered)", "Choose another"))


def frame_count_items(shot: Any, _context: bpy.types.Context | None) -> list[EnumItem]:
    """The drop-down's items: every frame count of the engine, fewest first, and the one in force."""
    offered = [(str(n), f"{n} frames", "Spread evenly over the shot") for n in sorted(frame_counts(shot))]
    count = clip_frames(shot)
    return enum_items("frames", offered, (str(count), f"{count} frames (not offered)", "Choose another"))


def get_size(shot: Any) -> int:
    """The index in the drop-down of the size in force."""
    width, height = clip_size(shot)
    return index_of(size_items(shot, None), f"{width}x{height}")


def set_size(shot: Any, index: int) -> None:
    """Store the size with this index."""
    width, _, height = size_items(shot, None)[index][0].partition("x")
    shot.clip_width, shot.clip_height = int(width), int(height)


def get_frame_count(shot: Any) -> int:
    """The index in the drop-down of the frame count in force."""
    return index_of(frame_count_items(shot, None), str(clip_frames(shot)))


def set_frame_count(shot: Any, index: int) -> None:
    """Store the frame count with this index."""
    shot.clip_frames = int(frame_count_items(shot, None)[index][0])
