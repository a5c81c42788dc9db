"""Shots for engines on diffusers' pipelines: corners of the motorcycle photo, a hole that grows from the right."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.protocol.capability import SettingValue
from server.demo.motorcycle import Motorcycle
from tests.support.shots import small_shot


def holed_shot(
    bike: Motorcycle, engine: str, frames: int = 5, seed: int = 3, prompt: str = "a street", **options: SettingValue
) -> Shot:
    """64 x 40 pixels, no multiple of 16; frame k lacks its rightmost 4 k columns, at most 56.

    The first frame stands where the photo was taken.
    """
    shot = small_shot(bike, engine, frames=frames)
    preview = shot.preview.copy()
    for frame in range(frames):
        preview[frame, :, 64 - min(4 * frame, 56) :] = 0
    settings = msgspec.structs.replace(shot.settings, seed=seed, prompt=prompt, options={"steps": 2, **options})
    return replace(shot, preview=preview, settings=settings, photo_intrinsics=shot.trajectory.intrinsics[0] + 0)
