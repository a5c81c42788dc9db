"""The option keep_layers: the filled background as meshes that show in the scene what the clip shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.background import BACKGROUND_FILE, decode_background
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.engines.draft.engine import DraftEngine
from server.geometry.texture import Texture
from server.service.workers.clip_files import write_clip_files
from tests.support.shots import rendered, truck


def wall_and_square(**options: bool) -> Shot:
    """A red square 1 m away before a green wall 2 m away; the camera slides sideways."""
    intrinsics = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
    photo = np.full((64, 96, 3), (30, 160, 60), np.uint8)
    depth = np.full((64, 96), 2.0, np.float32)
    photo[20:44, 36:60], depth[20:44, 36:60] = (200, 30, 20), 1.0
    trajectory = truck([0.0, 0.2], intrinsics, (96, 64))
    preview = rendered(photo, depth, intrinsics, trajectory)
    return Shot(trajectory, preview, photo, intrinsics, depth, ShotSettings(engine="draft", options=options))


def test_the_layers_seen_from_a_frame_are_its_holes(tmp_path: Path) -> None:
    shot = wall_and_square(keep_layers=True)
    clip = DraftEngine().generate(shot, lambda _: None)
    written = write_clip_files(tmp_path, clip)
    assert BACKGROUND_FILE in {file.name for file in written}
    layers = decode_background((tmp_path / BACKGROUND_FILE).read_bytes())
    depth, colour = np.full((64, 96), np.inf), np.zeros((64, 96, 3))
    t = shot.trajectory
    for layer in layers:
        seen = rasterize(layer.vertices, layer.triangles, t.intrinsics[1], t.camera_to_world[1], (96, 64))
        nearer = seen.covered & (seen.depth < depth)
        depth[nearer] = seen.depth[nearer]
        uv = seen.interpolate(layer.triangles, layer.uv)[nearer]
        colour[nearer] = Texture.of(layer.texture).sample(uv)
    hole = shot.preview[1, ..., 3] == 0
    assert np.isfinite(depth[hole]).mean() > 0.98
    there = hole & np.isfinite(depth)
    assert np.median(np.abs(depth[there] - 2)) < 0.05
    assert np.median(np.abs(colour[there] - clip.frames[1][there])) <= 2


def test_nothing_is_handed_back_unasked() -> None:
    shot = wall_and_square()
    assert DraftEngine().generate(shot, lambda _: None).background == ()
    still = replace(shot, settings=ShotSettings(engine="draft", options={"keep_layers": False}))
    assert DraftEngine().generate(still, lambda _: None).background == ()
