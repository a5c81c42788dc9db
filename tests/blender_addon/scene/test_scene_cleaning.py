"""Depth cleaning in the scene: marked, shown, left out and taken back."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from blender_addon.core.depth_cleaning import flying_pixels
from blender_addon.core.depth_request import FLYING
from blender_addon.core.errors import PhotoError
from server.data.motorcycle import Motorcycle

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import find_photo_scene, set_depth_edge  # noqa: E402
from blender_addon.scene.calibration import set_scale  # noqa: E402
from blender_addon.scene.cleaning import (  # noqa: E402
    flaw_counts,
    flaws_shown,
    hide_flaws,
    set_dropped,
    show_flaws,
)


def test_flying_pixels_are_left_out_and_taken_back(
    blender: ModuleType, bike_scene: PhotoScene, bike: Motorcycle
) -> None:
    depth, faces, vertices = bike_scene.depth(), bike_scene.faces, bike_scene.vertices
    wrong = flying_pixels(depth, bike.intrinsics)
    assert 100 < wrong.sum() < 0.1 * wrong.size
    cleaned = set_dropped(bike_scene, FLYING)
    assert flaw_counts(cleaned)[FLYING] == wrong.sum()
    assert cleaned.vertices == vertices
    assert cleaned.faces < faces
    np.testing.assert_array_equal(cleaned.depth(), np.where(wrong, np.nan, depth))
    used = {index for polygon in cleaned.mesh.data.polygons for index in polygon.vertices}
    known = np.isfinite(depth)
    assert not used & set(np.flatnonzero(wrong[known]).tolist())
    found = find_photo_scene(blender.context.scene)
    assert found is not None
    assert found.record.dropped == FLYING
    restored = set_dropped(cleaned, 0)
    assert restored.faces == faces
    np.testing.assert_array_equal(restored.depth(), depth)


def test_another_depth_edge_and_scale_keep_what_is_left_out(blender: ModuleType, bike_scene: PhotoScene) -> None:
    cleaned = set_dropped(bike_scene, FLYING)
    unknown = np.isnan(cleaned.depth())
    recut = set_depth_edge(set_scale(blender.context.scene, cleaned, 2.0), 0.02)
    np.testing.assert_array_equal(np.isnan(recut.depth()), unknown)
    faces = recut.faces
    assert set_dropped(recut, 0).faces > faces


def test_flaws_are_shown_on_the_mesh_and_never_rendered(blender: ModuleType, bike_scene: PhotoScene) -> None:
    cleaned = set_dropped(bike_scene, FLYING)
    shown = show_flaws(cleaned)
    assert flaws_shown(cleaned)
    assert shown.hide_render
    assert len(shown.data.polygons) >= flaw_counts(cleaned)[FLYING]
    assert show_flaws(cleaned) is not None
    assert sum("realcam_cleaning" in child for child in cleaned.mesh.children) == 1
    hide_flaws(cleaned)
    assert not flaws_shown(cleaned)
    assert find_photo_scene(blender.context.scene) is not None


def test_edit_mode_is_refused(blender: ModuleType, bike_scene: PhotoScene) -> None:
    blender.context.view_layer.objects.active = bike_scene.mesh
    blender.ops.object.mode_set(mode="EDIT")
    with pytest.raises(PhotoError, match="Leave Edit Mode"):
        set_dropped(bike_scene, FLYING)
    blender.ops.object.mode_set(mode="OBJECT")
