"""The import operator, as the panel, the menu and a drop call it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import SETTING_FIELDS, ImportSettings
from blender_addon.ui.photo.import_fields import depth_beside, no_depth
from blender_addon.ui.photo.import_files import photo_and_depth

pytestmark = pytest.mark.blender


def test_the_motorcycle_becomes_a_scene_with_a_camera_to_animate(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    assert bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2, depth_edge=0.1) == {"FINISHED"}
    scene = bpy.context.scene
    photo = find_photo_scene(scene)
    assert photo is not None
    assert photo.photo_size == (247, 167)
    assert photo.focal_source == "typed, 48.2 mm (35 mm eq.)"
    assert scene.camera != photo.camera
    assert np.allclose(scene.camera.matrix_world, photo.camera.matrix_world, atol=1e-6)
    assert not any(scene.camera.lock_location)
    assert scene.realcam.depth_edge == pytest.approx(0.1)


def test_the_depth_edge_slider_cuts_the_mesh_without_importing_again(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    scene = bpy.context.scene
    faces = find_photo_scene(scene).faces
    scene.realcam.depth_edge = 0.01
    assert find_photo_scene(scene).faces < faces
    scene.realcam.depth_edge = 0.05
    assert find_photo_scene(scene).faces == faces


@pytest.mark.parametrize(
    ("depth", "sentence"),
    [
        (np.ones((50, 50), np.float32), "does not fit the photo: photo 247 x 167, depth 50 x 50"),
        (np.full((167, 247), np.nan, np.float32), "The depth map is empty"),
        (np.full((167, 247), -2.0, np.float32), "not in front of the camera"),
        (np.full((167, 247), 2500.0, np.float32), "does not look like metres"),
    ],
)
def test_bad_depth_is_refused_in_a_sentence_and_leaves_nothing(
    addon: ModuleType, small_bike: Path, depth: np.ndarray, sentence: str
) -> None:
    bpy = addon
    np.save(small_bike.with_name("bike_depth.npy"), depth)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.realcam.import_photo(filepath=str(small_bike))
    assert len(bpy.data.meshes) == len(bpy.data.images) == 0


def test_a_missing_file_is_named(addon: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"There is no such photo: .*nothing\.png"):
        addon.ops.realcam.import_photo(filepath=str(tmp_path / "nothing.png"))
    with pytest.raises(RuntimeError, match="No photo is chosen"):
        addon.ops.realcam.import_photo()


def test_a_photo_without_depth_beside_it_asks_for_its_depth(addon: ModuleType, small_bike: Path) -> None:
    small_bike.with_name("bike_depth.npy").unlink()
    with pytest.raises(RuntimeError, match=r"No depth was found beside bike\.png\. Choose its depth file\."):
        addon.ops.realcam.import_photo(filepath=str(small_bike))


def test_the_next_import_begins_without_what_was_said_of_the_photo_before(addon: ModuleType) -> None:
    """By menu or drop Blender fills in the operator's last values, but for those it is told not to keep."""
    from blender_addon.ui.photo.import_fields import FIELDS

    properties = addon.ops.realcam.import_photo.get_rna_type().properties
    kept = [name for name in FIELDS if not properties[name].is_skip_save]
    assert kept == ["depth_edge", "max_vertices", "to_photo", "add_camera"]
    assert properties["filepath"].is_skip_save


OTHER_VALUES: dict[str, Any] = {
    "focal_mm": 48.25,
    "calibration": (300.0, 301.0, 120.0, 80.0),
    "depth_edge": 0.125,
    "max_vertices": 5000,
    "to_photo": False,
    "trust_scale": True,
    "add_camera": False,
}
"""None of them the default."""


def test_every_setting_is_a_property_that_reaches_the_import(addon: ModuleType) -> None:
    """One declaration: the operator and the panel show it, and what is typed there arrives."""
    from blender_addon.ui.photo.import_fields import SETTING_PROPERTIES, import_settings

    panel = addon.context.scene.realcam.photo
    untouched = import_settings(panel)
    assert untouched == ImportSettings(depth_edge=untouched.depth_edge)
    assert untouched.depth_edge == pytest.approx(ImportSettings().depth_edge), "Blender has it in float32"
    assert set(SETTING_PROPERTIES.values()) == set(SETTING_FIELDS)
    assert set(OTHER_VALUES) == set(SETTING_PROPERTIES)
    for shown, name in SETTING_PROPERTIES.items():
        declared = SETTING_FIELDS[name]
        for properties in (addon.ops.realcam.import_photo.get_rna_type().properties, panel.bl_rna.properties):
            assert properties[shown].name == declared.title
            assert properties[shown].description.startswith(declared.description)
        setattr(panel, shown, OTHER_VALUES[shown])
        changed = import_settings(panel)
        assert getattr(changed, name) != getattr(ImportSettings(), name)
    assert changed == ImportSettings(
        focal_mm=48.25,
        intrinsics=[[300.0, 0.0, 120.0], [0.0, 301.0, 80.0], [0.0, 0.0, 1.0]],
        depth_edge=0.125,
        max_vertices=5000,
        to_photo=False,
        trust_scale=True,
        add_camera=False,
    )


def test_the_tooltip_says_what_a_typed_focal_length_goes_before(addon: ModuleType) -> None:
    tooltip = addon.ops.realcam.import_photo.get_rna_type().properties["focal_mm"].description
    assert "Goes before the photo's EXIF" in tooltip
    assert "0: from the photo" in tooltip


def test_half_a_calibration_is_refused(addon: ModuleType, small_bike: Path) -> None:
    with pytest.raises(RuntimeError, match="A focal length is not positive"):
        addon.ops.realcam.import_photo(filepath=str(small_bike), calibration=(300.0, 0.0, 120.0, 80.0))
    assert len(addon.data.meshes) == len(addon.data.images) == len(addon.data.cameras) == 0


def test_a_dropped_photo_does_not_get_the_depth_chosen_for_another(addon: ModuleType) -> None:
    from blender_addon.ui.photo.import_operator import ask_in_panel

    scene = addon.context.scene
    fields = scene.realcam.photo
    fields.photo_path, fields.depth_path, fields.depth_channel = "/photos/one.png", "/photos/one_depth.npz", "depth"
    fields.trust_scale, fields.max_vertices, fields.calibration = True, 5000, (300.0, 300.0, 120.0, 80.0)
    ask_in_panel(scene, "/photos/two.png")
    assert (fields.photo_path, fields.depth_path, fields.depth_channel) == ("/photos/two.png", "", "")
    assert (fields.trust_scale, tuple(fields.calibration)) == (False, (0, 0, 0, 0))
    assert fields.max_vertices == 5000


def test_the_panels_fields_are_saved_with_the_file(addon: ModuleType, tmp_path: Path) -> None:
    bpy = addon
    bpy.context.scene.realcam.photo.depth_path = "/photos/depth.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "fields.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "fields.blend"))
    assert bpy.context.scene.realcam.photo.depth_path == "/photos/depth.png"


def test_an_array_among_several_is_named(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    metres = np.load(small_bike.with_name("bike_depth.npy"))
    path = small_bike.with_name("bike_depth.npz")
    np.savez(path, first=np.zeros_like(metres), second=metres)
    with pytest.raises(
        RuntimeError,
        match=r"which array is the depth: .* holds first, second\. Name it: in Blender",
    ):
        bpy.ops.realcam.import_photo(filepath=str(small_bike), depth_path=str(path))
    assert bpy.ops.realcam.answer_depth(answer="second") == {"FINISHED"}
    bpy.ops.realcam.import_photo(filepath=str(small_bike), depth_path=str(path), depth_channel="second")
    assert find_photo_scene(bpy.context.scene).vertices > 0


def test_a_doubtful_unit_is_trusted_by_the_name_the_sentence_says(addon: ModuleType, small_bike: Path) -> None:
    bpy = addon
    np.save(small_bike.with_name("bike_depth.npy"), np.full((167, 247), 2500.0, np.float32))
    box = bpy.ops.realcam.import_photo.get_rna_type().properties["trust_scale"].name
    with pytest.raises(RuntimeError, match=f"turn on {box}"):
        bpy.ops.realcam.import_photo(filepath=str(small_bike))
    assert bpy.ops.realcam.import_photo(filepath=str(small_bike), trust_scale=True) == {"FINISHED"}


def test_depth_is_found_beside_the_photo(tmp_path: Path) -> None:
    photo = tmp_path / "car.png"
    photo.touch()
    (tmp_path / "car.jpg").touch()
    assert depth_beside(photo) is None, "neither the photo nor another picture of it is its depth"
    (tmp_path / "car.npy").touch()
    assert depth_beside(photo) == tmp_path / "car.npy"
    (tmp_path / "car_depth.jpg").touch()
    assert depth_beside(photo) == tmp_path / "car_depth.jpg", "a name that says so goes first"
    (tmp_path / "car_depth.npz").touch()
    assert depth_beside(photo) is None, "which of the two is not guessed"
    assert no_depth(photo).sentence == (
        "Several depth files lie beside car.png: car_depth.npz, car_depth.jpg. Choose one of them."
    )


def test_the_depth_is_the_file_that_no_photo_can_be_or_is_called_like_one() -> None:
    for names, depth in (
        (("a.jpg",), None),
        (("a.jpg", "z.npy"), "z.npy"),
        (("far.exr", "a.jpg"), "far.exr"),
        (("a.png", "a_depth.png"), "a_depth.png"),
        (("depth_a.png", "a.png"), "depth_a.png"),
    ):
        found = photo_and_depth([Path(name) for name in names])
        assert found[1] == (None if depth is None else Path(depth))
        assert found[0].stem == "a"
    for names, sentence in ((("a.png", "b.png"), "cannot be told"), (("a.jpg", "b.jpg", "c.npy"), "Only one photo")):
        with pytest.raises(PhotoError, match=sentence):
            photo_and_depth([Path(name) for name in names])


def test_photo_and_depth_selected_together_are_imported(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    small_bike.with_name("bike_depth.npy").rename(small_bike.with_name("metres.npy"))
    files = [{"name": "metres.npy"}, {"name": "bike.png"}]
    assert addon.ops.realcam.import_photo(directory=str(small_bike.parent), files=files) == {"FINISHED"}
    assert find_photo_scene(addon.context.scene).mesh.name == "bike"


def test_a_dropped_photo_waits_in_the_panel_for_its_depth(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.ui.photo.import_operator import ask_in_panel

    bpy = addon
    depth = small_bike.with_name("bike_depth.npy").rename(small_bike.with_name("metres.npy"))
    fields = bpy.context.scene.realcam.photo
    assert not bpy.ops.realcam.choose_depth.poll()
    ask_in_panel(bpy.context.scene, str(small_bike))
    assert (fields.waits, fields.photo_path) == (True, str(small_bike))
    fields.focal_mm = 50.0
    assert bpy.ops.realcam.choose_depth(filepath=str(depth)) == {"FINISHED"}
    assert find_photo_scene(bpy.context.scene).focal_source == "typed, 50 mm (35 mm eq.)"
    assert not fields.waits


def test_one_of_two_photos_is_seen_and_filmed(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    scene = bpy.context.scene
    bpy.ops.realcam.import_photo(filepath=str(small_bike), max_vertices=2000)
    first, filmed = find_photo_scene(scene).mesh, scene.camera
    bpy.ops.realcam.import_photo(filepath=str(small_bike), max_vertices=2000)
    second = find_photo_scene(scene).mesh
    assert second != first
    assert (first.visible_get(), first.hide_render, second.visible_get()) == (False, True, True)
    assert scene.camera != filmed
    assert bpy.ops.realcam.choose_photo(mesh=first.name) == {"FINISHED"}
    assert find_photo_scene(scene).mesh == first
    assert (first.visible_get(), first.hide_render) == (True, False)
    assert (second.visible_get(), second.hide_render) == (False, True)
    assert scene.camera == filmed
    bpy.data.objects.remove(first)
    assert find_photo_scene(scene).mesh == second


def test_what_stands_around_the_camera_is_hidden_by_one_press(addon: ModuleType, small_bike: Path) -> None:
    bpy = addon
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.8)
    ball = bpy.context.object
    bpy.ops.realcam.import_photo(filepath=str(small_bike), max_vertices=2000)
    assert ball.visible_get()
    assert bpy.ops.realcam.hide_around() == {"FINISHED"}
    assert (ball.visible_get(), ball.hide_render) == (False, True)


def test_without_a_photo_only_its_panel_is_shown(addon: ModuleType, small_bike: Path) -> None:
    bpy = addon
    names = ("camera", "preview", "generate", "takes", "depth", "cleaning", "scale")
    panels = [getattr(bpy.types, f"REALCAM_PT_{name}") for name in names]
    assert not any(panel.poll(bpy.context) for panel in panels)
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    assert all(panel.poll(bpy.context) for panel in panels)
