"""The motorcycle as a scene: what is made, how exact it is, and that it can be cut anew and found again."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from blender_addon.core.camera.lens import Lens, RenderFrame
from blender_addon.core.camera.projection import project, unproject
from blender_addon.core.depth.depth_mesh import cut_faces
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from blender_addon.core.printable import printable
from server.demo.motorcycle import Motorcycle
from tests.support.import_requests import with_metres, with_settings

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import DepthQuestionError, find_photo_scene, import_photo, read_photo, set_depth_edge  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import EVERYTHING, set_cleaned  # noqa: E402
from blender_addon.scene.photo_file import photo_pixels  # noqa: E402
from blender_addon.scene.photo_scene import RECORD  # noqa: E402


def positions(photo: PhotoScene) -> np.ndarray[Any, Any]:
    values = np.empty(photo.vertices * 3, np.float32)
    photo.mesh.data.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def polygons(photo: PhotoScene) -> set[frozenset[int]]:
    return {frozenset(polygon.vertices) for polygon in photo.mesh.data.polygons}


def test_one_vertex_stands_at_each_known_depth(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    known = np.isfinite(bike.depth)
    assert bike_scene.vertices == known.sum()
    opencv = positions(bike_scene) * [1, -1, -1]
    inside = np.zeros_like(known)
    inside[1:-1, 1:-1] = True
    expected = unproject(bike.depth, bike.intrinsics)
    # All but the outermost, which stand on the picture's very edge.
    np.testing.assert_allclose(opencv[inside[known]], expected[known & inside], atol=1e-5)
    np.testing.assert_allclose(bike_scene.depth(), bike.depth, rtol=3e-7)


def test_the_photo_comes_back_byte_for_byte(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    np.testing.assert_array_equal(bike_scene.photo(), bike.photo)


def test_unknown_depth_makes_holes_and_jumps_make_cuts(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    quads, triangles = cut_faces(bike.depth, 0.05)
    assert bike_scene.faces == len(quads) + len(triangles)
    assert not bike_scene.mesh.data.validate(), "Blender had to mend the mesh"
    assert bike_scene.faces < 0.95 * (np.array(bike.depth.shape) - 1).prod()


def test_another_depth_edge_cuts_the_same_vertices_anew(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    before, materials = positions(bike_scene).copy(), list(bike_scene.mesh.data.materials)
    finer = set_depth_edge(bike_scene, 0.01)
    assert finer.faces == sum(map(len, cut_faces(bike.depth, 0.01)))
    assert finer.depth_edge == 0.01
    np.testing.assert_array_equal(positions(finer), before)
    assert list(finer.mesh.data.materials) == materials
    again = set_depth_edge(finer, 0.05)
    assert again.faces == sum(map(len, cut_faces(bike.depth, 0.05)))
    uv = np.empty(len(again.mesh.data.loops) * 2, np.float32)
    again.mesh.data.uv_layers["UVMap"].uv.foreach_get("vector", uv)
    corners = np.empty(len(again.mesh.data.loops), np.int32)
    again.mesh.data.loops.foreach_get("vertex_index", corners)
    pixels, _ = project(positions(again)[corners] * [1.0, -1, -1], bike.intrinsics, np.eye(4))
    np.testing.assert_allclose(uv.reshape(-1, 2), [0, 1] + pixels / [741, -500], atol=1e-5)


def test_depth_of_single_pixels_makes_no_surface_and_leaves_nothing(
    blender: ModuleType, bike_import: ImportRequest, tmp_path: Path
) -> None:
    depth = np.full((6, 9), np.nan, np.float32)
    depth[::2, ::2] = 2.0
    np.save(tmp_path / "dots.npy", depth)
    with pytest.raises(PhotoError, match="makes no surface"):
        import_photo(blender.context.scene, with_metres(bike_import, tmp_path / "dots.npy"))
    assert len(blender.data.meshes) == len(blender.data.images) == 0


def test_the_scene_tells_its_metres_and_keeps_them_through_cleaning_and_scale(
    blender: ModuleType, bike_scene: PhotoScene
) -> None:
    scene = blender.context.scene
    assert bike_scene.facts is not None
    assert bike_scene.facts.words == "2.2 to 4.8 m, middle 2.8 m, 93 % of the photo has depth"
    rescaled = set_scale(scene, bike_scene, 0.5)
    assert rescaled.facts.words == "1.1 to 2.4 m, middle 1.4 m, 93 % of the photo has depth"
    cleaned = set_cleaned(scene, rescaled, EVERYTHING)
    found = find_photo_scene(scene)
    assert found is not None
    assert found.facts == cleaned.facts
    assert cleaned.facts.middle == pytest.approx(1.4, abs=0.05)
    assert cleaned.facts.known_share < rescaled.facts.known_share
    assert found.summary.startswith("1.1 to 2.")


def test_a_scene_of_an_older_file_tells_its_vertices(bike_scene: PhotoScene, blender: ModuleType) -> None:
    stored = json.loads(bike_scene.mesh[RECORD])
    del stored["facts"]
    bike_scene.mesh[RECORD] = json.dumps(stored)
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert found.facts is None
    assert found.summary.startswith(f"{found.vertices:,} vertices; ")


def test_vertices_the_artist_deleted_stay_deleted(bike_scene: PhotoScene, blender: ModuleType) -> None:
    import bmesh

    mesh = bike_scene.mesh.data
    edited = bmesh.new()
    edited.from_mesh(mesh)
    edited.verts.ensure_lookup_table()
    bmesh.ops.delete(edited, geom=edited.verts[1000:2000], context="VERTS")
    edited.to_mesh(mesh)
    edited.free()
    before = bike_scene.vertices
    recut = set_depth_edge(bike_scene, 0.05)
    assert recut.vertices == before
    assert np.isfinite(recut.depth()).sum() == before


def test_in_edit_mode_the_cut_is_refused_and_importing_works(
    bike_scene: PhotoScene, bike_import: ImportRequest, blender: ModuleType
) -> None:
    blender.context.view_layer.objects.active = bike_scene.mesh
    blender.ops.object.mode_set(mode="EDIT")
    with pytest.raises(PhotoError, match="Leave Edit Mode"):
        set_depth_edge(bike_scene, 0.02)
    second = import_photo(blender.context.scene, with_settings(bike_import, max_vertices=5000))
    assert second.vertices <= 5000
    blender.ops.object.mode_set(mode="OBJECT")


def test_the_reference_camera_has_the_photos_intrinsics(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    camera = bike_scene.camera
    assert camera is not None
    data = camera.data
    lens = Lens(data.lens, data.sensor_width, data.sensor_height, data.shift_x, data.shift_y, data.sensor_fit)
    np.testing.assert_allclose(lens.intrinsics(RenderFrame(741, 500)), bike.intrinsics, atol=1e-4)


def test_a_big_depth_is_thinned_below_the_limit(blender: ModuleType, bike_import: ImportRequest) -> None:
    photo = import_photo(blender.context.scene, with_settings(bike_import, max_vertices=100_000))
    assert photo.record.stride == 2
    assert photo.vertices < 100_000
    assert photo.depth().shape == (250, 370)


def test_it_is_found_after_renaming_saving_and_reopening(
    bike_scene: PhotoScene, blender: ModuleType, tmp_path: Path
) -> None:
    assert bike_scene.camera is not None
    bike_scene.mesh.name, bike_scene.camera.name, bike_scene.image.name = "a", "b", "c"
    bike_scene.mesh.data.name = blender.context.scene.name = "d"
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    blender.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert (found.mesh.name, found.image.name) == ("a", "c")
    assert found.camera is not None
    assert found.camera.name == "b"
    assert found.focal_source.startswith("calibrated")
    recut = set_depth_edge(found, 0.02)
    assert recut.faces > 0


def test_the_latest_import_counts_and_a_deleted_camera_is_told(
    bike_scene: PhotoScene, bike_import: ImportRequest, blender: ModuleType
) -> None:
    scene = blender.context.scene
    second = import_photo(scene, with_settings(bike_import, max_vertices=5000))
    found = find_photo_scene(scene)
    assert found is not None
    assert found.mesh == second.mesh
    blender.data.objects.remove(second.camera)
    found = find_photo_scene(scene)
    assert found is not None
    assert found.camera is None
    blender.data.objects.remove(second.mesh)
    found = find_photo_scene(scene)
    assert found is not None
    assert found.mesh == bike_scene.mesh


def test_a_scene_without_a_photo_has_none(blender: ModuleType) -> None:
    assert find_photo_scene(blender.context.scene) is None


def test_a_refused_import_leaves_nothing_behind(
    blender: ModuleType, bike: Motorcycle, bike_import: ImportRequest, tmp_path: Path
) -> None:
    np.save(tmp_path / "millimetres.npy", bike.depth * 1000)
    np.save(tmp_path / "square.npy", bike.depth[:, :500])
    before = {name: len(getattr(blender.data, name)) for name in ("images", "meshes", "objects", "collections")}
    with pytest.raises(DepthQuestionError):
        import_photo(blender.context.scene, with_metres(bike_import, tmp_path / "millimetres.npy"))
    with pytest.raises(PhotoError, match="does not fit the photo"):
        import_photo(blender.context.scene, with_metres(bike_import, tmp_path / "square.npy"))
    with pytest.raises(PhotoError, match="no such photo"):
        import_photo(blender.context.scene, replace(bike_import, photo=tmp_path / "gone.png"))
    assert before == {name: len(getattr(blender.data, name)) for name in before}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_held_sideways_come_out_upright(
    blender: ModuleType, bike: Motorcycle, tmp_path: Path, orientation: int
) -> None:
    picture = Image.fromarray(bike.photo[:90, :120])
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "held.png", exif=exif)
    with Image.open(tmp_path / "held.png") as held:
        upright = np.array(ImageOps.exif_transpose(held))
    photo = read_photo(tmp_path / "held.png")
    assert photo.size == (upright.shape[1], upright.shape[0])
    np.testing.assert_array_equal(photo_pixels(photo.image), upright)


def test_sixteen_bit_photos_keep_their_colours(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    # Pillow writes no 16-bit RGB: Blender does.
    image = blender.data.images.new("deep", 120, 90, alpha=False, float_buffer=True)
    linear = (bike.photo[:90, :120].astype(np.float32) / 255) ** 2.2
    pixels = np.ones((90, 120, 4), np.float32)
    pixels[..., :3] = linear[::-1]
    image.pixels.foreach_set(pixels.ravel())
    scene = blender.context.scene
    scene.view_settings.view_transform = "Standard"
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "PNG", "16", "RGB"
    image.save_render(str(tmp_path / "deep.png"), scene=scene)
    settings.color_depth = "8"
    image.save_render(str(tmp_path / "flat.png"), scene=scene)
    with Image.open(tmp_path / "flat.png") as flat:
        wanted = np.array(flat).astype(int)
    photo = read_photo(tmp_path / "deep.png")
    assert photo.image.is_float
    assert np.abs(photo_pixels(photo.image).astype(int) - wanted).max() <= 1
    # Blender still has its pixels, but as light of the scene's linear space: the file's own numbers are gone.
    (tmp_path / "deep.png").unlink()
    with pytest.raises(PhotoError, match=r"file is gone: .*deep\.png"):
        photo_pixels(photo.image)


def test_the_subject_stands_in_the_middle_of_the_photo(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    assert bike_scene.subject_distance() == pytest.approx(float(np.nanmedian(bike.depth[166:334, 247:494])), rel=1e-3)


def test_a_file_of_another_version_is_found(bike_scene: PhotoScene, blender: ModuleType) -> None:
    stored = json.loads(bike_scene.mesh["realcam_photo"])
    del stored["cleaned"]
    bike_scene.mesh["realcam_photo"] = json.dumps({**stored, "of_the_future": 1})
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert found.record == bike_scene.record


@pytest.mark.parametrize("name", [b"[draft] :x: {0} %s <b>", b"caf\xe9", b"two\nlines"])
def test_a_photo_may_have_any_name(blender: ModuleType, tmp_path: Path, name: bytes) -> None:
    """Blender's data-blocks hold no text that is no UTF-8; the file is found all the same."""
    path = tmp_path / os.fsdecode(name + b".png")
    try:
        Image.new("RGB", (8, 6), (255, 0, 0)).save(path)
    except OSError as error:
        pytest.skip(f"this system has no such name: {error}")
    np.save(tmp_path / "depth.npy", np.linspace(2.1, 2, 48, dtype=np.float32).reshape(6, 8))
    photo = import_photo(blender.context.scene, ImportRequest(path, DepthFile(tmp_path / "depth.npy")))
    assert photo.mesh.name == printable(path.stem)
    assert photo.photo().shape == (6, 8, 3)
