"""What an artist makes of the photo's mesh with Blender's own tools becomes its depth."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from blender_addon.core.errors import PhotoError
from tests.blender_addon.scene.handmade.placed_boxes import FAR, add_box, front, grey_photo

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from pathlib import Path

    from blender_addon.scene import PhotoScene
    from blender_addon.scene.handmade.take_shape import TakenShape

import bmesh  # noqa: E402

from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import EVERYTHING, MOVED, set_cleaned  # noqa: E402
from blender_addon.scene.handmade.take_shape import take_shape  # noqa: E402


@pytest.fixture
def photo(blender: ModuleType, tmp_path: Path) -> PhotoScene:
    return grey_photo(blender, tmp_path)


def taken(blender: ModuleType, photo: PhotoScene) -> TakenShape:
    result = take_shape(blender.context.scene, photo, blender.context.evaluated_depsgraph_get())
    assert result is not None
    return result


def positions(photo: PhotoScene) -> np.ndarray:
    """[N, 3] in the mesh's own axes: x right, y up, -z ahead."""
    points = np.empty(3 * len(photo.mesh.data.vertices), np.float32)
    photo.mesh.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def place(photo: PhotoScene, points: np.ndarray) -> None:
    photo.mesh.data.vertices.foreach_set("co", points.astype(np.float32).ravel())
    photo.mesh.data.update()


def middle(photo: PhotoScene, half: float = 4.0) -> np.ndarray:
    """[N] bool: the vertices of a square in the middle."""
    return np.asarray((np.abs(positions(photo)[:, :2]) < half).all(axis=1))


def test_a_mesh_as_it_was_built_is_left_alone(blender: ModuleType, bike_scene: PhotoScene) -> None:
    """With edges, holes and loose vertices, cleaned and scaled: nothing has changed."""
    scene, graph = blender.context.scene, blender.context.evaluated_depsgraph_get
    assert take_shape(scene, bike_scene, graph()) is None
    cleaned = set_scale(scene, set_cleaned(scene, bike_scene, EVERYTHING), 1.5)
    assert take_shape(scene, cleaned, graph()) is None


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_vertices_moved_along_their_rays_give_their_own_depth(
    blender: ModuleType, photo: PhotoScene, scale: float
) -> None:
    photo = set_scale(blender.context.scene, photo, scale)
    points, moved = positions(photo), middle(photo, 4.0 * scale)
    points[moved] *= 0.75
    place(photo, points)
    done = taken(blender, photo)
    where = front(photo, 4.0, FAR)
    depth = done.photo_scene.depth()
    np.testing.assert_allclose(depth, np.where(where, 0.75, 1.0) * FAR * scale, rtol=1e-6)
    assert done.changed == where.sum()
    assert done.most == pytest.approx(0.25 * FAR * scale)
    assert done.words.startswith(f"Depth changed at {where.sum()} pixels, by ")
    # It is an ordinary mesh again, cut at the new edge, and nothing is left to take.
    assert take_shape(blender.context.scene, done.photo_scene, blender.context.evaluated_depsgraph_get()) is None
    assert done.photo_scene.facts is not None
    assert done.photo_scene.facts.nearest == pytest.approx(0.75 * FAR * scale)
    assert len(photo.mesh.data.polygons) < 63 * 47


def test_a_part_moved_sideways_covers_the_pixels_where_it_is_seen(blender: ModuleType, photo: PhotoScene) -> None:
    """A square of the wall pulled straight out of it: it is larger in the picture, and the photo is seen on it."""
    points, moved = positions(photo), middle(photo)
    points[moved, 2] += 10.0
    place(photo, points)
    depth = taken(blender, photo).photo_scene.depth()
    corners = points[moved]
    half = min(np.abs(corners[:, 0]).max(), np.abs(corners[:, 1]).max()) - 0.05
    inside = front(photo, half, 10.0)
    assert inside.sum() > 2 * moved.sum()
    np.testing.assert_allclose(depth[inside], 10.0, rtol=1e-5)
    np.testing.assert_allclose(depth[~front(photo, 4.4, 10.0)], FAR, rtol=1e-5)
    np.testing.assert_array_equal(positions(photo)[:, 2], -depth[np.isfinite(depth)])


def test_deleted_faces_are_unknown_and_said(blender: ModuleType, photo: PhotoScene) -> None:
    for only_faces in (True, False):
        shape, chosen = bmesh.new(), middle(photo, 4.0 if only_faces else 6.0)
        shape.from_mesh(photo.mesh.data)
        shape.verts.ensure_lookup_table()
        faces = [face for face in shape.faces if all(chosen[vertex.index] for vertex in face.verts)]
        bmesh.ops.delete(shape, geom=faces, context="FACES_ONLY" if only_faces else "FACES")
        shape.to_mesh(photo.mesh.data)
        shape.free()
        done = taken(blender, photo)
        photo = done.photo_scene
        # The vertices on the hole's outline still have faces.
        hole = np.isnan(photo.depth())
        half = 3.4 if only_faces else 5.4
        assert hole[front(photo, half, FAR)].all()
        assert not hole[~front(photo, half + 0.6, FAR)].any()
    assert photo.facts is not None
    assert photo.facts.known_share == pytest.approx(1 - hole.mean())


def test_what_was_joined_or_remeshed_counts(blender: ModuleType, photo: PhotoScene) -> None:
    """A box joined into the mesh; then the whole remeshed, which leaves no attribute to go by."""
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    with blender.context.temp_override(
        active_object=photo.mesh, object=photo.mesh, selected_editable_objects=[photo.mesh, box]
    ):
        blender.ops.object.join()
    done = taken(blender, photo)
    np.testing.assert_allclose(done.photo_scene.depth(), np.where(front(photo, 0.5, 3.0), 3.0, FAR), rtol=1e-5)
    before = done.photo_scene.depth()
    photo.mesh.data.attributes.remove(photo.mesh.data.attributes["realcam_pixel"])
    photo.mesh.modifiers.new("Subdivision", "SUBSURF").subdivision_type = "SIMPLE"
    done = taken(blender, done.photo_scene)
    assert done.evaluated == ("Subdivision",)
    assert not photo.mesh.modifiers
    # A border vertex stands beside the place that is drawn for it, which may be beyond a cut.
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(done.photo_scene.depth()[inner], before[inner], rtol=1e-5)


def test_shape_keys_and_deforming_modifiers_become_the_depth(blender: ModuleType, photo: PhotoScene) -> None:
    photo.mesh.shape_key_add(name="Basis")
    key = photo.mesh.shape_key_add(name="Nearer")
    key.data.foreach_set("co", (positions(photo) * 0.5).ravel())
    key.value = 1.0
    cast = photo.mesh.modifiers.new("Move", "DISPLACE")
    cast.direction, cast.mid_level, cast.strength = "Z", 0.0, 2.0
    done = taken(blender, photo)
    np.testing.assert_allclose(done.photo_scene.depth()[1:-1, 1:-1], FAR / 2 - 2, rtol=1e-4)
    assert done.evaluated == ("Move", "shape keys")
    assert photo.mesh.data.shape_keys is None
    assert "part of the depth now" in done.words


def test_vertices_at_the_camera_or_behind_it_are_unknown(blender: ModuleType, photo: PhotoScene) -> None:
    points, moved = positions(photo), middle(photo)
    points[moved] *= -0.5
    points[0] = 0.0
    place(photo, points)
    done = taken(blender, photo)
    hole = np.isnan(done.photo_scene.depth())
    assert hole[front(photo, 4.0, FAR)].all()
    assert hole[0, 0]
    assert done.behind == moved.sum() + 1
    assert f"{done.behind} vertices at the camera or behind it are unknown" in done.words
    place(photo, -positions(photo))
    before = positions(photo)
    with pytest.raises(PhotoError, match="in front of the photo's camera"):
        taken(blender, done.photo_scene)
    np.testing.assert_array_equal(positions(photo), before)


def test_cleaning_stays_where_nothing_was_touched_and_refines_new_edges(
    blender: ModuleType, bike_scene: PhotoScene
) -> None:
    scene = blender.context.scene
    cleaned = set_cleaned(scene, bike_scene, EVERYTHING)
    before = cleaned.depth()
    points = positions(cleaned)
    column = cleaned.record.columns
    pixels = np.empty(len(points), np.int32)
    cleaned.mesh.data.attributes["realcam_pixel"].data.foreach_get("value", pixels)
    row, column = np.divmod(pixels, column)
    moved = (row >= 200) & (row < 240) & (column >= 300) & (column < 360)
    points[moved] *= 0.7
    place(cleaned, points)
    done = taken(blender, cleaned).photo_scene
    after = done.depth()
    outside = np.ones(before.shape, np.bool_)
    outside[200:240, 300:360] = False
    np.testing.assert_array_equal(after[outside], before[outside])
    # Some pixels of the new edge were moved onto the photo's: that, too, is taken back with the step, and done again.
    taken_back = set_cleaned(scene, done, EVERYTHING & ~MOVED)
    unrefined = taken_back.depth()
    inside = ~outside & np.isfinite(before)
    assert not np.allclose(after[inside], unrefined[inside], rtol=1e-3)
    np.testing.assert_allclose(set_cleaned(scene, taken_back, EVERYTHING).depth(), after, rtol=1e-5)
    flat = before * np.float32(0.7)
    kept = inside & np.isclose(unrefined, flat, rtol=1e-5)
    assert kept.sum() > 0.9 * inside.sum()
