"""The camera of a shot is the one that Blender renders over its frames: markers, scripts, one size of the render."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from blender_addon.core.errors import CameraError, ShotError

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.shot import check_shot, sample_camera  # noqa: E402
from blender_addon.shot.shot_camera import camera_ranges, shot_camera  # noqa: E402


def camera_at(bpy: ModuleType, name: str, x: float) -> Any:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    bpy.context.scene.collection.objects.link(camera)
    camera.location.x = x
    return camera


@pytest.fixture
def cut(blender: ModuleType) -> tuple[Any, Any]:
    """Cameras A, rendered up to frame 5, and B, from frame 6 on."""
    scene = blender.context.scene
    cameras = camera_at(blender, "A", 0.0), camera_at(blender, "B", 0.5)
    for frame, camera in ((1, cameras[0]), (6, cameras[1])):
        scene.timeline_markers.new(f"F{frame}", frame=frame).camera = camera
    scene.camera = cameras[0]
    return cameras


def test_markers_say_which_camera_is_rendered_whichever_is_active(blender: ModuleType, cut: tuple[Any, Any]) -> None:
    scene = blender.context.scene
    a, b = cut
    scene.frame_set(8)
    scene.camera = a
    for frame in range(-3, 12):
        assert shot_camera(scene, frame) == (a if frame < 6 else b)
        scene.frame_set(frame)
        assert scene.camera == shot_camera(scene, frame), "Blender's own choice"
    b.hide_render = True
    assert shot_camera(scene, 11) == a
    scene.timeline_markers.clear()
    scene.camera = b
    assert shot_camera(scene, 1) == b


def test_a_range_is_divided_at_cuts_to_another_camera_alone(blender: ModuleType, cut: tuple[Any, Any]) -> None:
    scene = blender.context.scene
    a, b = cut
    scene.timeline_markers.new("still B", frame=8).camera = b
    scene.timeline_markers.new("no camera", frame=3)
    ranges = camera_ranges(scene, 1, 11)
    assert [(part.first, part.last, part.camera) for part in ranges] == [(1, 5, a), (6, 11, b)]
    assert len(camera_ranges(scene, 6, 11)) == 1


def test_a_cut_is_said_and_its_frames_are_chosen_by_one_press(
    addon: ModuleType, thin_bike_scene: PhotoScene, cut: tuple[Any, Any]
) -> None:
    from blender_addon.generation.shot_job import estimated_coverage
    from blender_addon.ui.shot.requests import fingerprint, shot_request

    scene = addon.context.scene
    scene.frame_start, scene.frame_end = 1, 11
    scene.frame_set(8)
    (said,) = check_shot(scene, 1, 11)
    assert "frames 1 to 5 A, frames 6 to 11 B" in said.sentence
    with pytest.raises(ShotError, match="A clip holds one camera"):
        estimated_coverage(shot_request(scene))
    before = fingerprint(scene)
    assert addon.ops.realcam.use_camera_range(first=6, last=11) == {"FINISHED"}
    assert check_shot(scene, *scene.realcam.frame_range()) == []
    assert fingerprint(scene) != before
    assert shot_request(scene).camera.session_uid == cut[1].session_uid


def test_the_artists_frame_and_camera_are_back_afterwards(blender: ModuleType, cut: tuple[Any, Any]) -> None:
    scene = blender.context.scene
    a, b = cut
    scene.frame_set(8)
    scene.camera = a  # by hand: a change of frame would make it B
    sample_camera(scene, b, [6, 7.5], a)
    assert (scene.frame_current, scene.camera) == (8, a)


def test_a_script_that_changes_camera_or_size_within_the_shot_is_told(
    addon: ModuleType, thin_bike_scene: PhotoScene, frame_script: list[Any]
) -> None:
    from blender_addon.generation.shot_job import clip_trajectory, scene_and_photo
    from blender_addon.ui.shot.requests import shot_request

    scene = addon.context.scene
    own, other = scene.camera, camera_at(addon, "other", 1.0)
    scene.frame_start, scene.frame_end = 1, 11
    request = shot_request(scene)

    def switches(scene: Any, *_graph: Any) -> None:
        scene.camera = own if scene.frame_current < 6 else other

    frame_script.append(switches)
    with pytest.raises(CameraError, match="active camera changes"):
        clip_trajectory(*scene_and_photo(request), request)
    assert scene.camera == own
    frame_script.remove(switches)

    def grows(scene: Any, *_graph: Any) -> None:
        scene.render.resolution_x = 741 if scene.frame_current < 6 else 600

    frame_script.append(grows)
    with pytest.raises(CameraError, match=r"741 x 500 .* at frame 1 and 600 x 500 .* at frame 6"):
        clip_trajectory(*scene_and_photo(request), request)
    assert scene.render.resolution_x == 741
