"""The preview shows the photo's own pixels, its alpha is visibility, and nothing of it stays behind."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.moves import move_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import PhotoError, ShotError
from server.demo.motorcycle import Motorcycle

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.blender_versions import eevee  # noqa: E402
from blender_addon.scene import set_depth_edge  # noqa: E402
from blender_addon.shot import PreviewRenderer, coverage, quick_coverage, remove_preview_scenes  # noqa: E402
from blender_addon.shot.preview_scene import Method  # noqa: E402
from blender_addon.shot.preview_texture import averaged, texture_scale  # noqa: E402

METHODS: tuple[Method, ...] = ("eevee", "workbench")


def at_the_photo(bike: Motorcycle) -> Trajectory:
    return Trajectory(np.eye(4)[None], bike.intrinsics, 741, 500)


def orbit(bike: Motorcycle, count: int, size: tuple[int, int] = (256, 160)) -> Trajectory:
    fit = FrameFit((741, 500), size)
    return move_trajectory("orbit", fit.trajectory(at_the_photo(bike)), {"angle": 25.0, "pivot": 2.75}, count=count)


def render_all(photo: PhotoScene, trajectory: Trajectory, method: Method) -> NDArray[np.uint8]:
    with PreviewRenderer(photo, photo.depth(), trajectory, method) as renderer:
        return np.stack([renderer.render(index) for index in range(len(renderer))])


def settings_of(owner: Any, depth: int = 3) -> dict[str, Any]:
    """Every setting under an RNA struct, nested ones included."""
    found: dict[str, Any] = {}
    for prop in owner.bl_rna.properties:
        if prop.identifier == "rna_type":
            continue
        with warnings.catch_warnings():
            # Some settings are there only to say that they will go.
            warnings.simplefilter("ignore", DeprecationWarning)
            value = getattr(owner, prop.identifier)
        if prop.type == "POINTER":
            if value is not None and depth and not hasattr(value, "users"):
                found[prop.identifier] = settings_of(value, depth - 1)
        elif prop.type != "COLLECTION":
            found[prop.identifier] = tuple(value) if getattr(prop, "is_array", False) else value
    return found


def names(bpy: ModuleType) -> dict[str, list[str]]:
    kinds = ("scenes", "objects", "meshes", "cameras", "materials", "images", "node_groups", "worlds", "collections")
    # Blender keeps its own image named Render Result once anything was rendered.
    return {kind: [block.name for block in getattr(bpy.data, kind) if block.name != "Render Result"] for kind in kinds}


@pytest.mark.parametrize("method", METHODS)
def test_from_the_photos_camera_it_is_the_photo(bike_scene: PhotoScene, bike: Motorcycle, method: Method) -> None:
    (frame,) = render_all(bike_scene, at_the_photo(bike), method)
    assert frame.shape == (500, 741, 4)
    assert set(np.unique(frame[..., 3])) == {0, 255}
    seen = frame[..., 3] == 255
    difference = np.abs(frame[..., :3].astype(int) - bike.photo)[seen]
    assert difference.max() <= 2
    assert np.median(difference) == 0
    # Alpha: everywhere inside a surface, nowhere inside a hole.
    known = np.isfinite(bike.depth)
    far = ndimage.maximum_filter(np.where(known, bike.depth, np.inf), 3)
    near = ndimage.minimum_filter(np.where(known, bike.depth, np.inf), 3)
    one_surface = far < near * 1.05
    assert one_surface.mean() > 0.75
    assert seen[one_surface].all()
    in_a_hole = ~ndimage.binary_dilation(known, np.ones((3, 3)))
    assert in_a_hole.sum() > 100
    assert not seen[in_a_hole].any()


def test_after_another_depth_edge_it_is_still_the_photo(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    recut = set_depth_edge(bike_scene, 0.02)
    for method in METHODS:
        (frame,) = render_all(recut, at_the_photo(bike).resized(247, 167), method)
        seen = frame[..., 3] == 255
        assert np.abs(frame[..., :3] - averaged(bike.photo, 247, 167).astype(int))[seen].max() <= 2


def test_the_artists_own_eevee_shows_the_photo(bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType) -> None:
    scene = blender.context.scene
    scene.render.engine = eevee()
    scene.eevee.taa_render_samples = 1
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_percentage = 25
    scene.render.filepath = str(Path(blender.app.tempdir) / "own.png")
    blender.ops.render.render(write_still=True)
    with Image.open(scene.render.filepath) as picture:
        own = np.array(picture.convert("RGB")).astype(int)
    wanted = averaged(bike.photo, own.shape[1], own.shape[0])
    assert np.median(np.abs(own - wanted)) < 12


def test_workbenchs_pixels_equal_eevees(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    trajectory = orbit(bike, 2)
    by_eevee, by_workbench = (render_all(bike_scene, trajectory, method) for method in METHODS)
    assert (by_eevee[..., 3] != by_workbench[..., 3]).mean() < 1e-4
    both = (by_eevee[..., 3] == 255) & (by_workbench[..., 3] == 255)
    difference = np.abs(by_eevee.astype(int) - by_workbench)[both]
    assert difference.max() <= 2
    assert np.median(difference) == 0


def test_the_principal_point_and_the_pixels_aspect_count(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    # The photo's camera, looking through a window of the photo and then drawn twice as wide.
    window = np.array([[1, 0, -200], [0, 1, -120], [0, 0, 1.0]]) @ bike.intrinsics
    (crop,) = render_all(bike_scene, Trajectory(np.eye(4)[None], window, 300, 200), "workbench")
    seen = crop[..., 3] == 255
    assert seen.mean() > 0.8
    assert np.abs(crop[..., :3].astype(int) - bike.photo[120:320, 200:500])[seen].max() <= 2
    wide = np.diag([2.0, 1.0, 1.0]) @ window
    (stretched,) = render_all(bike_scene, Trajectory(np.eye(4)[None], wide, 600, 200), "workbench")
    halves = (stretched[:, 0::2].astype(int) + stretched[:, 1::2]) / 2
    solid = ndimage.binary_erosion(seen, np.ones((3, 3)))
    assert np.abs(halves[..., :3] - crop[..., :3])[solid].mean() < 3


def test_a_small_preview_is_the_photo_averaged(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    small = at_the_photo(bike).resized(247, 167)
    (frame,) = render_all(bike_scene, small, "workbench")
    seen = frame[..., 3] == 255
    wanted = averaged(bike.photo, 247, 167).astype(int)
    assert np.abs(frame[..., :3] - wanted)[seen].max() <= 2
    # Averaging, not picking: Pillow's reduction by whole numbers is the same.
    with_pillow = np.array(Image.fromarray(bike.photo[:498, :738]).reduce(3)).astype(int)
    assert np.abs(averaged(bike.photo[:498, :738], 246, 166) - with_pillow).max() <= 1


def test_the_texture_is_as_fine_as_the_nearest_frame_needs(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    here = at_the_photo(bike).resized(247, 167)
    closer = np.tile(np.eye(4), (2, 1, 1))
    closer[1, 2, 3] = 1.0
    assert texture_scale(bike_scene, bike_scene.depth(), here) == pytest.approx(1 / 3, rel=0.01)
    assert (
        texture_scale(bike_scene, bike_scene.depth(), Trajectory(closer, here.intrinsics[:1].repeat(2, 0), 247, 167))
        > 0.5
    )
    assert texture_scale(bike_scene, bike_scene.depth(), at_the_photo(bike)) == 1


def test_the_artists_file_is_as_it_was(bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType) -> None:
    scene = blender.context.scene
    scene.render.use_border, scene.frame_current = True, 17
    lit = blender.data.materials.new("the artist's own")
    bike_scene.mesh.data.materials[0] = lit
    owners = [scene, scene.render, scene.eevee, scene.view_settings, scene.display, blender.context.preferences.system]
    before = ([settings_of(owner) for owner in owners], names(blender))
    frames = render_all(bike_scene, orbit(bike, 2), "workbench")
    assert ([settings_of(owner) for owner in owners], names(blender)) == before
    assert bike_scene.mesh.material_slots[0].material == lit
    # Nor does what the artist put on the mesh show in the preview.
    assert frames[0, ..., :3][frames[0, ..., 3] == 255].std() > 20


def test_a_mesh_without_materials_stays_without(bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType) -> None:
    bike_scene.mesh.data.materials.clear()
    before = names(blender)
    assert coverage(render_all(bike_scene, orbit(bike, 1), "workbench")) > 0.5
    assert not bike_scene.mesh.data.materials
    assert names(blender) == before


def test_an_error_half_way_leaves_nothing_behind(bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType) -> None:
    before = names(blender)

    def break_off() -> None:
        with PreviewRenderer(bike_scene, bike_scene.depth(), orbit(bike, 3), "workbench") as renderer:
            renderer.render(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert names(blender) == before


def test_a_photo_that_is_another_picture_by_now_leaves_nothing_behind(
    bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType, tmp_path: Path
) -> None:
    Image.new("RGB", (100, 60)).save(tmp_path / "other.png")
    depth = bike_scene.depth()
    bike_scene.image.filepath = str(tmp_path / "other.png")
    before = names(blender)
    with pytest.raises(PhotoError, match="another picture"):
        PreviewRenderer(bike_scene, depth, orbit(bike, 1))
    assert names(blender) == before


def test_what_was_taken_away_between_two_frames_is_made_again(
    bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType
) -> None:
    before = names(blender)
    with PreviewRenderer(bike_scene, bike_scene.depth(), orbit(bike, 2), "workbench") as renderer:
        first = renderer.render(0)
        remove_preview_scenes()
        assert names(blender) == before
        np.testing.assert_array_equal(renderer.render(0), first)
        remove_preview_scenes()
        blender.data.objects.remove(bike_scene.mesh)
        with pytest.raises(ShotError, match="undone or deleted"):
            renderer.render(1)


def test_undo_redo_and_saving_during_the_preview_leave_nothing_of_it(
    addon: ModuleType, bike_scene: PhotoScene, bike: Motorcycle, tmp_path: Path
) -> None:
    """It goes on after an undo, is in no file, and does not come back with an undo after its end."""
    before = names(addon)
    expected = render_all(bike_scene, orbit(bike, 2), "workbench")
    addon.ops.ed.undo_push(message="before")
    with PreviewRenderer(bike_scene, bike_scene.depth(), orbit(bike, 2), "workbench") as renderer:
        del bike_scene
        np.testing.assert_array_equal(renderer.render(0), expected[0])
        addon.context.scene.realcam.prompt = "typed meanwhile"
        addon.ops.ed.undo_push(message="Prompt")
        addon.ops.ed.undo()
        assert names(addon) == before
        addon.ops.ed.redo()
        assert addon.context.scene.realcam.prompt == "typed meanwhile"
        np.testing.assert_array_equal(renderer.render(1), expected[1])
        addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "middle.blend"), copy=True)
    with addon.data.libraries.load(str(tmp_path / "middle.blend")) as (saved, _):
        kinds = ("scenes", "objects", "meshes", "cameras", "materials", "images", "worlds")
        in_the_file = [name for kind in kinds for name in getattr(saved, kind)]
    assert "motorcycle.png" in in_the_file
    assert not [name for name in in_the_file if "preview" in name]
    assert names(addon) == before
    addon.ops.ed.undo()
    addon.ops.ed.redo()
    assert names(addon) == before


def test_in_edit_mode_the_preview_renders(bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType) -> None:
    outside = render_all(bike_scene, orbit(bike, 1), "workbench")
    blender.context.view_layer.objects.active = bike_scene.mesh
    blender.ops.object.mode_set(mode="EDIT")
    inside = render_all(bike_scene, orbit(bike, 1), "workbench")
    blender.ops.object.mode_set(mode="OBJECT")
    np.testing.assert_array_equal(inside, outside)


def test_the_backs_of_surfaces_are_not_seen(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    behind = np.diag([-1.0, 1.0, -1.0, 1.0])
    behind[2, 3] = 8.0
    from_behind = Trajectory(behind[None], intrinsics_matrix(200, 200, 128, 80), 256, 160)
    assert coverage(render_all(bike_scene, from_behind, "workbench")) < 0.02


def test_coverage_is_estimated_without_rendering(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    there = orbit(bike, 4)
    away = Trajectory(np.diag([-1.0, 1.0, -1.0, 1.0])[None], there.intrinsics[:1], 256, 160)
    measured = coverage(render_all(bike_scene, there, "workbench"))
    np.testing.assert_allclose(quick_coverage(bike_scene, bike_scene.depth(), there), measured, atol=0.08)
    assert (
        quick_coverage(bike_scene, bike_scene.depth(), away) == coverage(render_all(bike_scene, away, "workbench")) == 0
    )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can write everywhere")
def test_a_full_or_locked_temporary_folder_is_told(bike_scene: PhotoScene, bike: Motorcycle) -> None:
    with PreviewRenderer(bike_scene, bike_scene.depth(), orbit(bike, 1), "workbench") as renderer:
        folder = Path(renderer._folder.name)
        folder.chmod(stat.S_IRUSR)
        with pytest.raises(ShotError, match="could not render"):
            renderer.render(0)
        folder.chmod(stat.S_IRWXU)


def test_unwrapped_or_turned_faces_show_the_photo_all_the_same(
    bike_scene: PhotoScene, bike: Motorcycle, blender: ModuleType
) -> None:
    (before,) = render_all(bike_scene, at_the_photo(bike), "workbench")
    data = bike_scene.mesh.data
    data.flip_normals()
    data.uv_layers.remove(data.uv_layers[0])
    data.uv_layers.new(name="unwrapped")
    (after,) = render_all(bike_scene, at_the_photo(bike), "workbench")
    np.testing.assert_array_equal(after, before)
    assert [layer.name for layer in data.uv_layers] == ["unwrapped"], "the artist's mesh stays as it is"
