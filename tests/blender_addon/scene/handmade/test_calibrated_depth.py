"""Relative depth in the scene becomes metres in place: from the imported numbers, again and back."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.arrays import Float32
from blender_addon.core.depth.calibration.depth_law import DepthLaw
from blender_addon.core.depth.calibration.fit import fit_depth
from blender_addon.core.depth.calibration.known_points import KnownPoints
from blender_addon.core.depth.cleaning.clean import MOVED, SKY
from blender_addon.core.depth.depth_format import DepthFormat, Near
from blender_addon.core.depth.depth_mesh import thinned
from blender_addon.core.depth.layout.layout import DepthLayout, Ground
from blender_addon.core.errors import CameraError, PhotoError
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from server.demo.motorcycle import Motorcycle

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import find_photo_scene, import_photo, set_depth_edge  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import set_cleaned, touched_counts  # noqa: E402
from blender_addon.scene.editing.depth_layout import remove_layout, set_layout  # noqa: E402
from blender_addon.scene.editing.new_depth import set_depth  # noqa: E402
from blender_addon.scene.handmade.depth_calibration import (  # noqa: E402
    down_in_photo,
    imported_depth,
    is_guessed,
    place_in_photo,
    point_of_photo,
    set_law,
)


@pytest.fixture(scope="module")
def pictures(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motorcycle and its depth in 8 bits, near bright; the farthest where none is known."""
    tmp_path = tmp_path_factory.mktemp("relative")
    inverse = np.nan_to_num(1 / bike.depth, nan=float(1 / np.nanmax(bike.depth)))
    share = (inverse - inverse.min()) / np.ptp(inverse)
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    Image.fromarray(np.rint(share * 255).astype(np.uint8)).save(tmp_path / "relative.png")
    return tmp_path


def imported(bpy: ModuleType, bike: Motorcycle, pictures: Path, near: Near = "bright") -> PhotoScene:
    guess = DepthFormat(kind="relative", near=near, nearest=1.0, farthest=10.0)
    settings = ImportSettings(intrinsics=bike.intrinsics.tolist(), max_vertices=8_000)
    request = ImportRequest(pictures / "bike.png", DepthFile(pictures / "relative.png", guess), settings)
    return import_photo(bpy.context.scene, request)


def true_depth(bike: Motorcycle, photo: PhotoScene) -> Float32:
    return thinned(bike.depth, photo.record.stride)


def law_of(bike: Motorcycle, photo: PhotoScene, count: int = 4) -> DepthLaw:
    """From a few pixels' true distances."""
    numbers, depth = imported_depth(photo), true_depth(bike, photo)
    known = np.isfinite(depth)
    order = np.argsort(depth[known])[np.linspace(200, known.sum() - 200, count).astype(int)]
    points = KnownPoints(numbers[known][order], depth[known][order].astype(np.float64))
    return fit_depth(points, photo.record.numbers, numbers).law


def test_wrong_metres_are_mended(blender: ModuleType, bike: Motorcycle, pictures: Path, tmp_path: Path) -> None:
    """An estimate that is off by a factor and an offset."""
    np.save(tmp_path / "estimate.npy", bike.depth * 1.4 + 0.7)
    settings = ImportSettings(intrinsics=bike.intrinsics.tolist(), max_vertices=8_000)
    request = ImportRequest(pictures / "bike.png", DepthFile(tmp_path / "estimate.npy"), settings)
    photo = import_photo(blender.context.scene, request)
    assert not is_guessed(photo)
    assert median_error(bike, photo) > 0.3
    photo = set_law(blender.context.scene, photo, law_of(bike, photo), follow=True).photo_scene
    assert median_error(bike, photo) < 1e-4


def test_another_depth_of_some_pixels_leaves_the_others_calibrated(
    blender: ModuleType, bike: Motorcycle, pictures: Path
) -> None:
    """As geometry or a sculpted shape gives it: in metres, and so it stays when it is calibrated again."""
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    before, law = photo.depth(), law_of(bike, photo)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    where = np.zeros(before.shape, dtype=np.bool_)
    where[5:20, 5:20] = True
    photo = set_depth(scene, photo, np.full_like(before, 2.5), where)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    np.testing.assert_allclose(photo.depth()[where], 2.5, rtol=1e-4)
    back = set_law(scene, photo, None, follow=False).photo_scene
    np.testing.assert_allclose(back.depth()[~where], before[~where], rtol=1e-4)


def median_error(bike: Motorcycle, photo: PhotoScene) -> float:
    return float(np.nanmedian(np.abs(photo.depth() / true_depth(bike, photo) - 1)))


@pytest.mark.parametrize("near", ["bright", "dark"])
def test_a_guess_becomes_metres_and_goes_back(
    blender: ModuleType, bike: Motorcycle, pictures: Path, near: Near
) -> None:
    """Also where the guess had near and far the wrong way round."""
    photo = imported(blender, bike, pictures, near)
    assert photo.record.guessed
    before = photo.depth()
    assert median_error(bike, photo) > 0.3
    law = law_of(bike, photo)
    calibrated = set_law(blender.context.scene, photo, law, follow=True).photo_scene
    assert median_error(bike, calibrated) < 0.01
    assert calibrated.facts is not None
    assert calibrated.facts.middle == pytest.approx(np.nanmedian(bike.depth), rel=0.1)
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert found.record == calibrated.record
    assert not found.record.guessed
    np.testing.assert_allclose(imported_depth(found), before, rtol=1e-6)
    back = set_law(blender.context.scene, found, None, follow=True).photo_scene
    np.testing.assert_allclose(back.depth(), before, rtol=1e-6)
    assert (back.record.law, back.record.shot_scale) == (None, pytest.approx(1.0))


def test_it_is_done_again_from_the_imported_numbers(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    """Even after a calibration that put most of the photo at its limit, another scale and another depth edge."""
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    squashed = DepthLaw(reciprocal=True, gives="inverse", slope=1.0, offset=-0.5)
    photo = set_law(scene, photo, squashed, follow=False).photo_scene
    assert np.mean(photo.depth() == 1000.0) > 0.1
    photo = set_scale(scene, photo, 0.5)
    photo = set_depth_edge(photo, 0.2)
    photo = set_law(scene, photo, law_of(bike, photo), follow=False).photo_scene
    assert median_error(bike, photo) < 0.01
    assert photo.record.scale == 1.0


def test_what_the_artist_moved_since_goes_along(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    law = law_of(bike, photo)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    moved = photo.mesh.data.vertices[40]
    moved.co *= 0.5
    sculpted = float(-moved.co.z)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    assert -photo.mesh.data.vertices[40].co.z == pytest.approx(sculpted, rel=1e-5)
    back = set_law(scene, photo, None, follow=False).photo_scene
    assert -back.mesh.data.vertices[40].co.z == pytest.approx(law.numbers(np.array(sculpted)), rel=1e-5)


@pytest.mark.parametrize("steps", [0, MOVED, MOVED | SKY])
def test_cleaning_stays_what_it_was(blender: ModuleType, bike: Motorcycle, pictures: Path, steps: int) -> None:
    """Cleaned, calibrated and taken back is the same as calibrated and never cleaned."""
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    law = law_of(bike, photo)
    plain = law.metres(imported_depth(photo))
    photo = set_cleaned(scene, photo, MOVED)
    moved_to = law.metres(photo.depth())
    counts = touched_counts(photo)
    assert counts[MOVED] > 10
    photo = set_cleaned(scene, photo, steps)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    assert touched_counts(photo) == counts
    assert photo.record.cleaned == steps
    np.testing.assert_allclose(set_cleaned(scene, photo, MOVED).depth(), moved_to, rtol=1e-4)
    photo = find_photo_scene(scene)  # type: ignore[assignment]
    np.testing.assert_allclose(set_cleaned(scene, photo, 0).depth(), plain, rtol=1e-4)


def test_cleaning_of_the_wrong_way_round_is_forgotten(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    scene = blender.context.scene
    photo = set_cleaned(scene, imported(blender, bike, pictures, "dark"), MOVED)
    done = set_law(scene, photo, law_of(bike, photo), follow=False)
    assert done.cleaning_lost
    assert done.photo_scene.record.cleaned == 0
    assert median_error(bike, done.photo_scene) < 0.01


def animated_camera(bpy: ModuleType) -> Any:
    camera = bpy.data.objects.new("shot", bpy.data.cameras.new("shot"))
    bpy.context.scene.collection.objects.link(camera)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    for frame, place in ((1, (0, 0, 0)), (12, (0.4, 0.2, 0.0))):
        camera.location = place
        camera.keyframe_insert("location", frame=frame)
    return camera


def test_cameras_follow_the_middle_of_the_photo(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    camera = animated_camera(blender)
    subject = photo.subject_distance()
    done = set_law(scene, photo, law_of(bike, photo), follow=True)
    assert done.moved == pytest.approx(done.photo_scene.subject_distance() / subject, rel=0.01)
    scene.frame_set(12)
    assert camera.location.x == pytest.approx(0.4 * done.moved, rel=1e-5)
    assert done.photo_scene.record.shot_scale == pytest.approx(done.moved)


def test_cameras_stay_where_they_shall_not_follow(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    camera = animated_camera(blender)
    done = set_law(scene, photo, law_of(bike, photo), follow=False)
    scene.frame_set(12)
    assert camera.location.x == pytest.approx(0.4)
    assert (done.moved, done.photo_scene.record.shot_scale) == (None, 1.0)


def test_a_camera_that_cannot_follow_stops_it_and_nothing_changes(
    blender: ModuleType, bike: Motorcycle, pictures: Path
) -> None:
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    camera = animated_camera(blender)
    limit = camera.constraints.new("LIMIT_LOCATION")
    limit.use_max_x, limit.max_x = True, 0.2
    before = photo.depth()
    with pytest.raises(CameraError, match="would not keep the framing"):
        set_law(scene, photo, law_of(bike, photo), follow=True)
    np.testing.assert_allclose(photo.depth(), before)
    assert photo.record.guessed


def test_in_edit_mode_it_is_refused(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    photo = imported(blender, bike, pictures)
    law = law_of(bike, photo)
    blender.context.view_layer.objects.active = photo.mesh
    blender.ops.object.mode_set(mode="EDIT")
    with pytest.raises(PhotoError, match="is being edited"):
        set_law(blender.context.scene, photo, law, follow=False)
    blender.ops.object.mode_set(mode="OBJECT")


def test_places_of_the_photo_are_points_of_the_world_and_back(
    blender: ModuleType, bike: Motorcycle, pictures: Path
) -> None:
    photo = imported(blender, bike, pictures)
    photo.mesh.location, photo.mesh.rotation_euler = (1, 2, 3), (1.2, 0.1, 0.4)
    blender.context.view_layer.update()
    point = point_of_photo(photo, 0.25, 0.75, 4.0)
    assert place_in_photo(photo, point) == pytest.approx((0.25, 0.75), abs=1e-5)
    assert (photo.mesh.matrix_world.inverted() @ point).z == pytest.approx(-4.0, rel=1e-5)


def test_down_is_against_the_scenes_z(blender: ModuleType, bike: Motorcycle, pictures: Path) -> None:
    photo = imported(blender, bike, pictures)
    blender.context.view_layer.update()
    np.testing.assert_allclose(down_in_photo(photo), [0, 1, 0], atol=1e-6)
    # Looking down by 0.3.
    photo.mesh.rotation_euler.x -= 0.3
    blender.context.view_layer.update()
    np.testing.assert_allclose(down_in_photo(photo), [0, np.cos(0.3), np.sin(0.3)], atol=1e-6)


def test_a_depth_that_is_laid_out_is_calibrated_by_its_ground(
    blender: ModuleType, bike: Motorcycle, pictures: Path
) -> None:
    """The depth before it keeps its law."""
    scene = blender.context.scene
    photo = imported(blender, bike, pictures)
    law = law_of(bike, photo)
    photo = set_law(scene, photo, law, follow=False).photo_scene
    calibrated = photo.depth()
    photo = set_layout(scene, photo, DepthLayout(ground=Ground(camera_height=1.0)))
    with pytest.raises(PhotoError, match=r"laid out by hand.*Ground and Walls"):
        set_law(scene, photo, law, follow=False)
    assert not is_guessed(photo)
    photo = remove_layout(photo)
    np.testing.assert_allclose(photo.depth(), calibrated, rtol=1e-5)
    back = set_law(scene, photo, None, follow=False).photo_scene
    assert is_guessed(back)
    np.testing.assert_allclose(law.metres(back.depth()), calibrated, rtol=1e-4)
