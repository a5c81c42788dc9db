"""Geometry that an artist placed becomes the photo's depth, beside depths that can be written down."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from blender_addon.core.depth.calibration.depth_law import DepthLaw
from blender_addon.core.errors import PhotoError
from tests.blender_addon.scene.handmade.placed_boxes import FAR, add_box, front, grey_photo

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import find_photo_scene  # noqa: E402
from blender_addon.scene.edited_mesh import copies_of, make_own_photo  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import MOVED, set_cleaned  # noqa: E402
from blender_addon.scene.editing.geometry_choice import GeometryChoice, stored_choice  # noqa: E402
from blender_addon.scene.editing.new_depth import grid_rays  # noqa: E402
from blender_addon.scene.handmade.depth_calibration import set_law  # noqa: E402
from blender_addon.scene.handmade.geometry_depth import take_geometry  # noqa: E402


@pytest.fixture
def photo(blender: ModuleType, tmp_path: Path) -> PhotoScene:
    return grey_photo(blender, tmp_path)


def taken(blender: ModuleType, photo: PhotoScene, choice: GeometryChoice) -> PhotoScene:
    graph = blender.context.evaluated_depsgraph_get()
    return take_geometry(blender.context.scene, photo, graph, choice).photo_scene


def test_a_room_of_boxes_is_the_depth(blender: ModuleType, photo: PhotoScene) -> None:
    """The camera stands inside one box, whose inner sides count, and another stands in it."""
    room = add_box(blender, (-3.0, -2.0, -1.5), (4.0, 7.0, 2.0), "Room")
    chest = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5), "Chest")
    done = taken(blender, photo, GeometryChoice("SELECTED", (room, chest)))
    ways = grid_rays(photo).directions()
    # The photo's axes: x right, y down, z ahead.
    low, high = np.array([-3.0, -2.0, -2.0]), np.array([4.0, 1.5, 7.0])
    with np.errstate(divide="ignore"):
        walls = np.where(ways > 0, high / ways, low / ways)
    walls = np.where(ways == 0, np.inf, walls).min(axis=-1)
    expected = np.where(front(photo, 0.5, 3.0), 3.0, walls)
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(done.depth()[inner], expected[inner], rtol=1e-5)
    assert done.facts is not None
    assert done.facts.known_share == 1.0
    # Found again in the scene, it is the same.
    again = find_photo_scene(blender.context.scene)
    assert again is not None
    np.testing.assert_array_equal(again.depth(), done.depth())


@pytest.mark.parametrize(("rest", "expected"), [("KEEP", FAR), ("DISTANCE", 12.0), ("UNKNOWN", np.nan)])
def test_what_is_not_covered(blender: ModuleType, photo: PhotoScene, rest: str, expected: float) -> None:
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    covered = front(photo, 0.5, 3.0)
    done = taken(blender, photo, GeometryChoice("SELECTED", (box,), rest=rest, distance=12.0))
    np.testing.assert_allclose(done.depth(), np.where(covered, 3.0, expected), rtol=1e-6)


def test_updating_leaves_nothing_of_where_it_was(blender: ModuleType, photo: PhotoScene) -> None:
    """Also when the file was saved and opened between, the scale calibrated and the depth cleaned."""
    scene = blender.context.scene
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    done = set_scale(scene, taken(blender, photo, GeometryChoice("SELECTED", (box,))), 2.0)
    assert box.location[1] == pytest.approx(7.0), "geometry grows with the depth that was made of it"
    done = set_cleaned(scene, done, MOVED)
    choice = stored_choice(done)
    assert choice is not None
    assert choice.objects == (box,)
    box.location[1] += 4.0
    box.name = "Renamed"
    done = taken(blender, done, choice)
    np.testing.assert_allclose(done.depth(), np.where(front(done, 1.0, 10.0), 10.0, 2 * FAR), rtol=1e-5)
    # Switched to another rest and back: the imported depth is still known.
    done = taken(blender, done, GeometryChoice("SELECTED", (box,), rest="UNKNOWN"))
    done = taken(blender, done, GeometryChoice("SELECTED", (box,)))
    np.testing.assert_allclose(done.depth(), np.where(front(done, 1.0, 10.0), 10.0, 2 * FAR), rtol=1e-5)


def test_a_copy_of_the_photo_keeps_what_is_under_its_geometry(blender: ModuleType, photo: PhotoScene) -> None:
    scene = blender.context.scene
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    done = taken(blender, photo, GeometryChoice("SELECTED", (box,)))
    twin = done.mesh.copy()
    twin.data = done.mesh.data.copy()
    scene.collection.objects.link(twin)
    (copy,) = copies_of(scene, done)
    copy = make_own_photo(scene, copy)
    twice = DepthLaw(reciprocal=False, gives="depth", slope=2.0, offset=0.0, nearest=0.0, farthest=np.inf)
    set_law(scene, done, twice, follow=False)
    box.location[1] += 4.0
    done = taken(blender, copy, GeometryChoice("SELECTED", (box,)))
    np.testing.assert_allclose(done.depth(), np.where(front(done, 0.5, 7.0), 7.0, FAR), rtol=1e-5)


def test_whichever_is_nearer(blender: ModuleType, photo: PhotoScene) -> None:
    behind = add_box(blender, (-50.0, 25.0, -50.0), (50.0, 26.0, 50.0), "Behind")
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    done = taken(blender, photo, GeometryChoice("SELECTED", (box, behind), nearer_only=True))
    np.testing.assert_allclose(done.depth(), np.where(front(photo, 0.5, 3.0), 3.0, FAR), rtol=1e-6)


def test_modifiers_instances_text_and_a_moved_camera_count(blender: ModuleType, photo: PhotoScene) -> None:
    """The photo's mesh may stand anywhere, and be drawn at any size: its own metres are measured in."""
    scene = blender.context.scene
    source = add_box(blender, (-0.25, 3.0, -0.25), (0.25, 3.5, 0.25))
    repeat = source.modifiers.new("Array", "ARRAY")
    repeat.count, repeat.relative_offset_displace = 2, (0.0, 2.0, 0.0)
    hidden = blender.data.collections.new("Only instanced")
    scene.collection.objects.unlink(source)
    hidden.objects.link(source)
    instance = blender.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", hidden
    scene.collection.objects.link(instance)
    text = blender.data.objects.new("Text", blender.data.curves.new("Text", "FONT"))
    text.data.body, text.data.align_x, text.data.align_y = "I", "CENTER", "CENTER"
    text.data.size = 8.0
    text.location, text.rotation_euler = (0.0, 8.0, 0.0), (np.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(text)
    for subject in (photo.mesh, instance, text):
        subject.location[0] += 5.0
    photo.mesh.scale = (0.5, 0.5, 0.5)
    done = taken(blender, photo, GeometryChoice("SELECTED", (instance, text)))
    depth = done.depth()
    near = np.isclose(depth, 6.0, rtol=1e-5)
    assert (near == front(photo, 0.5, 6.0)).all()
    assert np.isclose(depth, 16.0, rtol=1e-5).sum() > 10
    assert (near | np.isclose(depth, 16.0, rtol=1e-5) | np.isclose(depth, FAR)).all()


def test_hidden_geometry_and_photos_never_count(blender: ModuleType, photo: PhotoScene) -> None:
    scene = blender.context.scene
    box = add_box(blender, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    hidden = add_box(blender, (-2.0, 1.0, -2.0), (2.0, 2.0, 2.0), "Hidden")
    hidden.hide_set(True)
    graph = blender.context.evaluated_depsgraph_get()
    told = take_geometry(scene, photo, graph, GeometryChoice("VISIBLE"))
    assert told.words.startswith("Box gives ")
    assert "Hidden" not in told.words
    assert not told.warning, "what is hidden was not asked for"
    np.testing.assert_allclose(told.photo_scene.depth(), np.where(front(photo, 0.5, 3.0), 3.0, FAR), rtol=1e-6)
    asked = take_geometry(scene, photo, graph, GeometryChoice("SELECTED", (box, hidden)))
    assert "Left out, hidden or without faces: Hidden." in asked.words
    assert asked.warning


@pytest.mark.parametrize(
    ("low", "says"),
    [((-0.5, -4.0, -0.5), "stands behind the photo's camera"), ((30.0, 3.0, 0.0), "does not see the geometry")],
)
def test_geometry_that_covers_nothing_is_refused(
    blender: ModuleType, photo: PhotoScene, low: tuple[float, float, float], says: str
) -> None:
    box = add_box(blender, low, tuple(np.add(low, 1.0)))
    before = photo.depth()
    with pytest.raises(PhotoError, match=says) as refused:
        taken(blender, photo, GeometryChoice("SELECTED", (box,)))
    assert "Numpad 0" in refused.value.remedy
    np.testing.assert_array_equal(photo.depth(), before)
    assert stored_choice(photo) is None


def test_points_without_faces_and_no_geometry_are_refused(blender: ModuleType, photo: PhotoScene) -> None:
    mesh = blender.data.meshes.new("Points")
    mesh.from_pydata([(0.0, 3.0, 0.0), (0.0, 4.0, 0.0)], [], [])
    points = blender.data.objects.new("Points", mesh)
    blender.context.scene.collection.objects.link(points)
    with pytest.raises(PhotoError, match="has no faces to see"):
        taken(blender, photo, GeometryChoice("SELECTED", (points,)))
    for choice in (GeometryChoice("SELECTED", (photo.mesh,)), GeometryChoice("COLLECTION")):
        with pytest.raises(PhotoError):
            taken(blender, photo, choice)
