"""Try the Demo Photo: a scene of its own that can be generated at once."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from blender_addon.blender_versions import fcurves_of
from blender_addon.core.camera.lens import focal_pixels
from blender_addon.core.photo.exif import read_photo_facts
from server.engines.draft.engine import CAPABILITY

pytestmark = pytest.mark.blender


def test_the_demo_is_a_scene_beside_the_artist_s(addon: ModuleType) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.shot import check_shot, demo_shot, render_frame, sample_camera

    bpy = addon
    mine = bpy.context.scene
    before = (list(mine.objects), mine.camera, mine.frame_end, mine.render.resolution_x, mine.realcam.clip_width)
    assert bpy.ops.realcam.try_demo() == {"FINISHED"}
    assert (
        list(mine.objects),
        mine.camera,
        mine.frame_end,
        mine.render.resolution_x,
        mine.realcam.clip_width,
    ) == before
    (scene,) = (scene for scene in bpy.data.scenes if scene != mine)
    photo = find_photo_scene(scene)
    assert photo is not None
    assert photo.image.packed_file is not None
    assert bpy.context.window is None or bpy.context.window.scene == scene

    shot = scene.realcam
    size, frames = (shot.clip_width, shot.clip_height), shot.clip_frames
    assert size in CAPABILITY.sizes
    assert frames in CAPABILITY.frame_counts
    assert (scene.frame_start, scene.frame_end) == (1, frames)
    assert size[0] * render_frame(scene).height == size[1] * render_frame(scene).width
    assert check_shot(scene, 1, frames) == []
    assert scene.camera != photo.camera
    assert fcurves_of(scene.camera)
    # Level where the photo was taken, then nearer and to the right.
    way = sample_camera(scene, scene.camera, [1, frames], photo.mesh).camera_to_world[:, :3, 3]
    np.testing.assert_allclose(way[0], 0.0, atol=1e-4)
    assert way[1, 2] > demo_shot.VALUES["distance"] * 0.9
    assert way[1, 0] > 0.1


def test_the_demo_can_be_tried_again_and_undone(addon: ModuleType) -> None:
    bpy = addon
    for _ in range(2):
        assert bpy.ops.realcam.try_demo() == {"FINISHED"}
    assert len(bpy.data.scenes) == 3


def test_the_demo_s_depth_is_the_room_s(addon: ModuleType) -> None:
    """Places of the picture whose distance the room's plan tells: scripts/demo_photo/room.py."""
    from blender_addon.core.depth.depth_file import DepthFormat
    from blender_addon.scene import read_depth
    from blender_addon.shot import demo_shot

    depth = read_depth(demo_shot.DEPTH, DepthFormat())
    facts = read_photo_facts(demo_shot.PHOTO)
    assert facts.focal_35mm == 26
    height, width = depth.shape
    focal = focal_pixels(26, width, height)

    def at(x: float, y: float, z: float) -> float:
        """The depth where a point of the room, in metres from the camera, is seen."""
        return float(depth[int(height / 2 - focal * z / y), int(width / 2 + focal * x / y)])

    back_wall, floor, ceiling = 5.6, -1.18, 2.62 - 1.18
    assert at(2.0, back_wall, 1.3) == pytest.approx(back_wall, abs=0.002)
    assert at(0.0, 4.0, ceiling) == pytest.approx(4.0, abs=0.02)
    assert at(2.45, 4.9, 1.2) == pytest.approx(4.9, abs=0.02)
    assert at(-0.6, 10.0, 0.4) == pytest.approx(10.0, abs=0.002)
    assert at(-0.6, 3.3, floor + 0.014) == pytest.approx(3.3, abs=0.03)
    assert np.isfinite(depth).all()
    assert depth.min() > 1.2
