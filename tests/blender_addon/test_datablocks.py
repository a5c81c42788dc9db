"""A datablock is known by what it is, not by its name: linked ones may have the name of one of the open file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.datablocks import holds, in_session, library_of, named, reference  # noqa: E402

CAMERA_X = 0.4
"""Where the linked camera stands. That of the open file is at 0."""


def camera_at(bpy: ModuleType, x: float) -> Any:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location.x, camera.rotation_euler.x = x, np.pi / 2
    return camera


@pytest.fixture
def two_cameras(addon: ModuleType, tmp_path: Path) -> tuple[Any, Any]:
    """One of the open file and one linked from layout.blend, both called Camera and both in the scene."""
    theirs = camera_at(addon, CAMERA_X)
    addon.data.libraries.write(str(tmp_path / "layout.blend"), {theirs}, fake_user=True)
    addon.data.objects.remove(theirs)
    own = camera_at(addon, 0.0)
    with addon.data.libraries.load(str(tmp_path / "layout.blend"), link=True) as (_, wanted):
        wanted.objects = ["Camera"]
    linked = wanted.objects[0]
    addon.context.scene.collection.objects.link(linked)
    addon.context.view_layer.update()
    assert own.name == linked.name == "Camera"
    return own, linked


def test_blocks_of_one_name_are_told_apart(addon: ModuleType, two_cameras: tuple[Any, Any], tmp_path: Path) -> None:
    own, linked = two_cameras
    objects, scene = addon.data.objects, addon.context.scene
    assert (library_of(own), library_of(linked)) == ("", str(tmp_path / "layout.blend"))
    for camera in two_cameras:
        assert named(objects, "Camera", library_of(camera)) == camera
        assert in_session(objects, reference(camera).session_uid) == camera
        assert holds(scene.objects, camera)
        scene.collection.objects.unlink(camera)
        assert not holds(scene.objects, camera)
    assert named(objects, "Camera", "//other.blend") is None


def test_the_active_camera_is_sent_though_another_has_its_name(
    addon: ModuleType, two_cameras: tuple[Any, Any], thin_bike_scene: PhotoScene
) -> None:
    from blender_addon.generation.shot_job import clip_trajectory, scene_and_photo
    from blender_addon.ui.shot.requests import fingerprint, shot_request

    scene = addon.context.scene
    scene.frame_start, scene.frame_end = 1, 5
    seen = []
    for camera, x in zip(two_cameras, (0.0, CAMERA_X), strict=True):
        scene.camera = camera
        request = shot_request(scene)
        if camera.library is None:
            camera.name = "renamed"  # while the preview is rendered
        trajectory, _ = clip_trajectory(*scene_and_photo(request), request)
        np.testing.assert_allclose(trajectory.centres[:, 0], x, atol=1e-6)
        seen.append(fingerprint(scene))
    assert seen[0] != seen[1]


def test_a_take_is_shown_in_the_camera_it_was_made_for(addon: ModuleType, two_cameras: tuple[Any, Any]) -> None:
    from blender_addon.timeline.take_camera import camera_of, remember_camera
    from blender_addon.timeline.takes import remember_take
    from tests.support.takes import remembered_take

    scene = addon.context.scene
    own, linked = two_cameras
    scene.camera = own
    take = remembered_take(camera="Camera", camera_library=library_of(linked), job_id="a" * 32)
    assert camera_of(scene, take) == linked, "by name and library, as a found take"
    assert camera_of(scene, remembered_take(camera="Camera")) == own, "as version 0.1 wrote it"
    old = remembered_take(camera="Camera", camera_library=None)
    assert camera_of(scene, old) == own, "of a version that did not tell the library"
    own.name = "Hero"
    assert camera_of(scene, old) == linked, "the only one of that name"
    own.name = "Camera"
    own_take = remembered_take(number=2, camera="Camera", camera_library="", job_id="b" * 32)
    for of, camera in ((take, linked), (own_take, own)):
        remember_take(scene, of)
        remember_camera(scene, of.job_id, camera)
    own.name, other = "Hero", camera_at(addon, 9.0)
    other.name = "Camera"
    assert camera_of(scene, own_take) == own, "under its new name"
    assert camera_of(scene, take) == linked
    copy = scene.copy()
    addon.context.view_layer.update()
    assert camera_of(copy, own_take) == own
    scene.camera = own
    addon.ops.scene.new(type="FULL_COPY")
    full = addon.context.scene
    assert full != scene
    assert full.camera != own
    assert camera_of(full, own_take) == full.camera, "a full copy has its own cameras, and shows its takes in them"
    addon.data.objects.remove(own)
    assert camera_of(scene, own_take) == other, "the one of that name, where its own is gone"


def test_a_job_that_waits_to_be_resumed_keeps_its_camera(addon: ModuleType, two_cameras: tuple[Any, Any]) -> None:
    from blender_addon.timeline.take_camera import camera_of, remember_camera
    from tests.support.takes import remembered_take

    scene = addon.context.scene
    own, linked = two_cameras
    for job_id, camera in (("a" * 32, own), ("b" * 32, linked)):
        remember_camera(scene, job_id, camera)
    own.name, scene.camera = "Hero", linked
    assert camera_of(scene, remembered_take(camera="Camera", job_id="a" * 32)) == own


def test_a_result_goes_to_its_own_scene_whatever_it_is_called(addon: ModuleType) -> None:
    import msgspec

    from blender_addon.core.payloads.shot import ShotSettings
    from blender_addon.generation.job_records import CheckTask, JobRecord
    from blender_addon.generation.scene_job import begun_in, remember_job, scene_of

    own, other = addon.context.scene, addon.data.scenes.new("other")
    record = JobRecord(
        job_id="a" * 32,
        server="",
        title="shot",
        blend="",
        scene=own.name,
        folder="",
        settings=ShotSettings(engine="draft"),
        submitted_at=1.0,
        task=CheckTask(shot="shot", take=1),
    )
    assert scene_of(record) == own
    remember_job(own, record)
    own.name, other.name = "Mine", record.scene
    assert scene_of(record) == own, "known by its copy of the record, as after the file was opened again"
    copy = own.copy()
    assert scene_of(msgspec.structs.replace(record, scene=copy.name)) == copy, "of two with the record that of the name"
    begun_in(other, record.job_id)
    assert scene_of(record) == other, "where it was begun in this session"


def test_a_holdout_is_taken_back_from_the_mesh_that_got_it(addon: ModuleType) -> None:
    from blender_addon.timeline.render_switches import SCENE_PROPERTY, render_as_before, render_over_clip

    scene = addon.context.scene
    mesh = addon.data.objects.new("photo", addon.data.meshes.new("photo"))
    scene.collection.objects.link(mesh)
    render_over_clip(scene, mesh)
    mesh.name = "renamed"
    render_as_before(scene)
    assert not mesh.is_holdout
    render_over_clip(scene, mesh)
    scene[SCENE_PROPERTY]["mesh"] = mesh.name  # as version 0.1 wrote it
    render_as_before(scene)
    assert not mesh.is_holdout


def test_of_two_photos_of_one_name_the_one_that_was_pressed_is_chosen(
    addon: ModuleType, thin_bike_scene: PhotoScene, bike_import: Any, tmp_path: Path
) -> None:
    from blender_addon.scene import find_photo_scene, import_photo
    from blender_addon.scene.photo_scene import photo_scenes
    from tests.support.import_requests import with_settings

    scene = addon.context.scene
    second = import_photo(scene, with_settings(bike_import, max_vertices=5_000)).mesh
    addon.data.libraries.write(str(tmp_path / "photo.blend"), {second}, fake_user=True)
    addon.data.objects.remove(second)
    thin_bike_scene.mesh.name = "photo"
    with addon.data.libraries.load(str(tmp_path / "photo.blend"), link=True) as (there, wanted):
        wanted.objects = [name for name in there.objects if "camera" not in name]
    scene.collection.objects.link(wanted.objects[0])
    addon.context.view_layer.update()
    thin_bike_scene.mesh.name = wanted.objects[0].name
    photos = [photo.mesh for photo in photo_scenes(scene)]
    assert len({mesh.name for mesh in photos}) == 1
    for mesh in photos:
        chosen = addon.ops.realcam.choose_photo(mesh=mesh.name, session_uid=mesh.session_uid)
        assert chosen == {"FINISHED"}
        found = find_photo_scene(scene)
        assert found is not None
        assert found.mesh == mesh


def test_fields_for_files_take_paths_beside_the_blend(addon: ModuleType) -> None:
    """Blender warns of a field that does not say so: as an error, that warning ended the process."""
    shot = addon.context.scene.realcam
    shot.photo.photo_path = shot.photo.depth_path = shot.last_image = "//photo.png"
    assert not addon.ops.realcam.generate.poll()
    assert addon.ops.realcam.estimate_depth.poll()
