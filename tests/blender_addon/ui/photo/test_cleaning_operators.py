"""Depth cleaning by operator: done, taken back, shown, hidden."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from blender_addon.core.payloads.import_request import ImportRequest

pytestmark = pytest.mark.blender


def test_steps_are_toggled_and_shown(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.editing.overlay import cleaning_shown

    bpy = addon
    assert not bpy.ops.realcam.toggle_cleaning.poll()
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    scene = bpy.context.scene
    whole = find_photo_scene(scene).faces
    bpy.ops.realcam.show_cleaning()
    assert cleaning_shown(find_photo_scene(scene))
    assert find_photo_scene(scene).faces == whole, "showing changes nothing"
    for step in ("FLYING", "OUTLIERS"):
        bpy.ops.realcam.toggle_cleaning(step=step)
        assert find_photo_scene(scene).faces < whole
        bpy.ops.realcam.toggle_cleaning(step=step)
        assert find_photo_scene(scene).faces == whole
    bpy.ops.realcam.toggle_cleaning(step="EDGES")
    assert find_photo_scene(scene).record.cleaned
    bpy.ops.realcam.show_cleaning()
    assert not cleaning_shown(find_photo_scene(scene))


def test_steps_work_in_edit_mode(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    photo = find_photo_scene(bpy.context.scene)
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.realcam.toggle_cleaning(step="FLYING") == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_look_in_a_thread_finds_what_a_look_that_waits_finds(addon: ModuleType, small_bike: Path) -> None:
    """The steps of the modal operator, which a Blender without a window cannot run."""
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.editing.cleaning import depth_to_clean, is_analysed, mark_depth, touched_counts
    from blender_addon.ui.photo.depth_analysis import DepthAnalysis

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    photo = find_photo_scene(bpy.context.scene)
    analysis = DepthAnalysis(depth_to_clean(photo))
    found = analysis.answer()
    assert analysis.done
    assert not is_analysed(photo), "a thread touches nothing of Blender's"
    assert analysis.asked.is_still(photo)
    mark_depth(photo, found)
    in_thread = touched_counts(photo)
    assert any(in_thread.values())
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    bpy.ops.realcam.show_cleaning()
    assert touched_counts(find_photo_scene(bpy.context.scene)) == in_thread


def test_an_analysis_that_is_stopped_has_no_answer(addon: ModuleType, bike_import: ImportRequest) -> None:
    from blender_addon.scene import import_photo
    from blender_addon.scene.editing.cleaning import depth_to_clean
    from blender_addon.ui.photo.depth_analysis import DepthAnalysis

    analysis = DepthAnalysis(depth_to_clean(import_photo(addon.context.scene, bike_import)))
    analysis.stop()
    with pytest.raises(CancelledError):
        analysis.answer()
    assert analysis.done


def test_an_analysis_ends_by_its_button_and_by_no_key(addon: ModuleType, bike_import: ImportRequest) -> None:
    from blender_addon.scene import import_photo
    from blender_addon.scene.editing.cleaning import depth_to_clean
    from blender_addon.ui.photo import depth_analysis

    bpy = addon
    assert not bpy.ops.realcam.stop_depth_analysis.poll()
    analysis = depth_analysis.DepthAnalysis(depth_to_clean(import_photo(bpy.context.scene, bike_import)))
    depth_analysis._under_way[:] = [analysis]
    waiting = depth_analysis.AnalysesFirst()
    waiting._analysis, waiting._shown = analysis, 0
    escape = SimpleNamespace(type="ESC", value="PRESS")
    assert waiting.modal(bpy.context, escape) == {"PASS_THROUGH"}
    assert not bpy.ops.realcam.toggle_cleaning.poll(), "one at a time"
    assert bpy.ops.realcam.stop_depth_analysis() == {"FINISHED"}
    with pytest.raises(CancelledError):
        analysis.answer()
    assert bpy.ops.realcam.toggle_cleaning.poll()


def test_what_was_changed_meanwhile_is_noticed(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.editing.cleaning import depth_to_clean
    from blender_addon.scene.editing.focal_length_edit import set_focal_length

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    photo = find_photo_scene(bpy.context.scene)
    asked = depth_to_clean(photo)
    assert asked.is_still(photo)
    assert not asked.is_still(set_focal_length(bpy.context.scene, photo, 30.0))
    asked = depth_to_clean(find_photo_scene(bpy.context.scene))
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.delete(type="VERT")
    bpy.ops.object.mode_set(mode="OBJECT")
    assert not asked.is_still(find_photo_scene(bpy.context.scene))
