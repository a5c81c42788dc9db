"""Depth cleaning in the scene: marked, shown, done and taken back."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY, CleanDepth, clean_depth
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from server.demo.motorcycle import Motorcycle
from tests.support.import_requests import with_metres

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import DepthFormat, find_photo_scene, import_photo, set_depth_edge  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import EVERYTHING, analyse_depth, is_analysed, set_cleaned, touched_counts  # noqa: E402
from blender_addon.scene.editing.focal_length_edit import set_focal_length  # noqa: E402
from blender_addon.scene.editing.overlay import COLOURS, cleaning_shown, hide_cleaning, show_cleaning  # noqa: E402


@pytest.fixture
def blurred(bike: Motorcycle) -> np.ndarray:
    """The bike's depth as a network that blurs would give it, at half its size."""
    known = np.isfinite(bike.depth)
    weight = gaussian_filter(known.astype(float), 2)
    depth = gaussian_filter(np.where(known, bike.depth, 0.0), 2) / np.maximum(weight, 1e-6)
    return np.where(known, depth, np.nan).astype(np.float32)


@pytest.fixture
def scene_of_blurred(
    blender: ModuleType, blurred: np.ndarray, bike: Motorcycle, bike_import: ImportRequest, tmp_path: Path
) -> PhotoScene:
    np.save(tmp_path / "blurred.npy", blurred)
    request = with_metres(bike_import, tmp_path / "blurred.npy")
    return import_photo(blender.context.scene, request)


@pytest.fixture
def expected(blurred: np.ndarray, bike: Motorcycle) -> CleanDepth:
    """What the server's cleaning makes of it."""
    return clean_depth(blurred, bike.photo, bike.intrinsics)


def test_an_imported_file_is_cleaned_as_the_server_cleans(
    blender: ModuleType, scene_of_blurred: PhotoScene, expected: CleanDepth, blurred: np.ndarray
) -> None:
    assert not is_analysed(scene_of_blurred)
    faces = scene_of_blurred.faces
    cleaned = set_cleaned(blender.context.scene, scene_of_blurred, EVERYTHING)
    counts = touched_counts(cleaned)
    for bit in (FLYING, OUTLIER):
        assert counts[bit] == expected.mask(bit).sum()
    assert counts[MOVED] == (expected.mask(MOVED) & ~expected.mask(FLYING | OUTLIER)).sum()
    assert counts[MOVED] > 1000
    np.testing.assert_allclose(cleaned.depth(), expected.depth, rtol=1e-5)
    restored = set_cleaned(blender.context.scene, cleaned, 0)
    np.testing.assert_allclose(restored.depth(), blurred, rtol=1e-5)
    assert restored.faces == faces


@pytest.mark.parametrize("bit", [MOVED, FLYING, OUTLIER])
def test_each_step_alone(
    blender: ModuleType, scene_of_blurred: PhotoScene, expected: CleanDepth, blurred: np.ndarray, bit: int
) -> None:
    done = set_cleaned(blender.context.scene, scene_of_blurred, bit)
    depth, touched = done.depth(), expected.mask(bit)
    np.testing.assert_allclose(depth[~touched], blurred[~touched], rtol=1e-5)
    if bit == MOVED:
        kept = touched & ~expected.mask(FLYING | OUTLIER)
        np.testing.assert_allclose(depth[kept], expected.depth[kept], rtol=1e-5)
    else:
        assert np.isnan(depth[touched]).all()
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert found.record.cleaned == bit


def test_vertices_stay_and_those_left_out_belong_to_no_face(blender: ModuleType, scene_of_blurred: PhotoScene) -> None:
    vertices, faces = scene_of_blurred.vertices, scene_of_blurred.faces
    cleaned = set_cleaned(blender.context.scene, scene_of_blurred, FLYING)
    assert cleaned.vertices == vertices
    assert cleaned.faces < faces
    used = {index for polygon in cleaned.mesh.data.polygons for index in polygon.vertices}
    touched = np.empty(vertices, dtype=np.int32)
    cleaned.mesh.data.attributes["realcam_touched"].data.foreach_get("value", touched)
    assert not used & set(np.flatnonzero(touched & FLYING).tolist())


def test_scale_lens_and_depth_edge_keep_what_was_done(
    blender: ModuleType, scene_of_blurred: PhotoScene, expected: CleanDepth, blurred: np.ndarray
) -> None:
    scene = blender.context.scene
    cleaned = set_cleaned(scene, scene_of_blurred, EVERYTHING)
    changed = set_focal_length(scene, set_depth_edge(set_scale(scene, cleaned, 2.0), 0.02), 30.0)
    np.testing.assert_allclose(changed.depth(), 2 * expected.depth, rtol=1e-5)
    np.testing.assert_allclose(set_cleaned(scene, changed, 0).depth(), 2 * blurred, rtol=1e-5)


def test_the_sky_of_a_street_goes_to_its_shell_and_back(blender: ModuleType, shared_data: Path) -> None:
    """KITTI's LiDAR sees no sky: it gets vertices of its own, which count only on the shell."""
    folder = shared_data / "rgbd/kitti_metric3d"
    request = ImportRequest(
        next(folder.glob("rgb_*")),
        DepthFile(next(folder.glob("depth_*")), DepthFormat(scale=1 / 256)),
        ImportSettings(intrinsics=intrinsics_matrix(707.05, 707.05, 604.58, 181.0).tolist()),
    )
    scene = blender.context.scene
    street = import_photo(scene, request)
    depth, faces = street.depth(), street.faces
    with_sky = set_cleaned(scene, street, SKY)
    sky = np.isfinite(with_sky.depth()) & np.isnan(depth)
    assert sky[5, 450:700].mean() > 0.9
    assert np.nanmin(with_sky.depth()[sky]) > 2 * np.nanmax(depth)
    assert with_sky.faces > faces
    assert street.camera is not None
    assert street.camera.data.clip_end > np.nanmax(with_sky.depth())
    with_sky.mesh.data.validate()
    again = set_cleaned(scene, with_sky, 0)
    np.testing.assert_array_equal(np.isnan(again.depth()), np.isnan(depth))


def test_what_is_touched_is_shown_on_the_mesh_and_never_rendered(
    blender: ModuleType, scene_of_blurred: PhotoScene
) -> None:
    analyse_depth(scene_of_blurred)
    faces = scene_of_blurred.faces
    shown = show_cleaning(scene_of_blurred)
    assert cleaning_shown(scene_of_blurred)
    assert shown.hide_render
    counts = touched_counts(scene_of_blurred)
    kinds = np.empty(len(shown.data.polygons), dtype=np.int32)
    shown.data.polygons.foreach_get("material_index", kinds)
    for index, bit in enumerate(COLOURS):
        assert (kinds == index).sum() >= 0.5 * counts[bit], "each step has its colour"
    show_cleaning(scene_of_blurred)
    assert sum("realcam_cleaning" in child for child in scene_of_blurred.mesh.children) == 1
    hide_cleaning(scene_of_blurred)
    assert not cleaning_shown(scene_of_blurred)
    assert scene_of_blurred.faces == faces, "showing changes nothing"


def test_edit_mode_is_refused(blender: ModuleType, bike_scene: PhotoScene) -> None:
    blender.context.view_layer.objects.active = bike_scene.mesh
    blender.ops.object.mode_set(mode="EDIT")
    with pytest.raises(PhotoError, match="Leave Edit Mode"):
        set_cleaned(blender.context.scene, bike_scene, FLYING)
    blender.ops.object.mode_set(mode="OBJECT")
