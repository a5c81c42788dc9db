"""Changes of animated properties with all their keyframes, taken back when something goes wrong."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ...blender_versions import fcurves_of
from ...core.arrays import Float64

_POINTS = ("co", "handle_left", "handle_right")


@dataclass
class ChannelEdits:
    """Scales and offsets properties and their F-curves; no F-curve is changed twice, whatever blocks share it.

    Attributes:
        undo: Closing it takes every change back, unless its callbacks were dropped.
    """

    undo: ExitStack
    _seen: set[Any] = field(default_factory=set)

    def affine(
        self, block: bpy.types.ID, path: str, factor: float, offset: Float64 | float = 0.0, holder: Any = None
    ) -> None:
        """Change a number or vector to factor * value + offset, its F-curves included.

        Args:
            block: The datablock whose animation holds the curves.
            path: The property's data path; a custom property's is as Blender writes it, `["name"]`.
            factor: Multiplies the value.
            offset: Added afterwards; one number, or one for each component.
            holder: The struct that has the property, when it is not the block itself ("dof.focus_distance").
        """
        owner = holder or block
        if (block.session_uid, path) in self._seen or block.library is not None:
            return
        self._seen.add((block.session_uid, path))
        before = _value(owner, path)
        kept = before if isinstance(before, float) else tuple(before)
        offsets = np.broadcast_to(np.asarray(offset, dtype=np.float64), np.shape(kept))
        changed = np.asarray(kept) * factor + offsets
        self.undo.callback(_assign, owner, path, kept)
        _assign(owner, path, float(changed) if changed.ndim == 0 else tuple(changed))
        for curve in fcurves_of(block):
            if curve.data_path == path:
                self._curve(curve, factor, float(offsets.flat[curve.array_index]))

    def _curve(self, curve: bpy.types.FCurve, factor: float, offset: float) -> None:
        if curve.as_pointer() in self._seen:
            return
        self._seen.add(curve.as_pointer())
        points = curve.keyframe_points
        # Last in, first out: the curve is brought up to date after its points are back.
        self.undo.callback(curve.update)
        for name in _POINTS:
            kept = np.empty(2 * len(points), dtype=np.float32)
            points.foreach_get(name, kept)
            self.undo.callback(points.foreach_set, name, kept)
            changed = kept.astype(np.float64)
            changed[1::2] = changed[1::2] * factor + offset
            points.foreach_set(name, changed.astype(np.float32))
        for modifier in curve.modifiers:
            if modifier.type == "NOISE" and modifier.blend_type != "MULTIPLY":
                self.undo.callback(setattr, modifier, "strength", modifier.strength)
                modifier.strength *= factor
        curve.update()


def _value(owner: Any, path: str) -> Any:
    return owner[path[2:-2]] if path.startswith('["') else getattr(owner, path.rpartition(".")[2])


def _assign(owner: Any, path: str, value: float | tuple[float, ...]) -> None:
    if path.startswith('["'):
        owner[path[2:-2]] = value
    else:
        setattr(owner, path.rpartition(".")[2], value)
