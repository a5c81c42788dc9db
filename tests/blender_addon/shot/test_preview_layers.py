"""The draft's background as meshes of the scene: what is painted on them, and only that, is seen by previews."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.background import BackgroundLayer
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.engines.draft.engine import DraftEngine
from tests.support.shots import rendered, truck

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.scene import find_photo_scene, import_photo  # noqa: E402
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.current_photo import choose_photo  # noqa: E402
from blender_addon.scene.editing.placed_geometry import has_surface  # noqa: E402
from blender_addon.scene.importing.background_layers import add_background  # noqa: E402
from blender_addon.scene.photo_file import image_floats  # noqa: E402
from blender_addon.shot.preview import PreviewRenderer  # noqa: E402
from blender_addon.shot.preview_layers import layer_image, layers_left_out, painted_layers  # noqa: E402
from blender_addon.shot.preview_scene import Method  # noqa: E402

INTRINSICS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
SIZE = (96, 64)
BLUE = (20, 40, 220)


def square() -> tuple[np.ndarray, np.ndarray]:
    """Photo and depth of a red square 1 m away before a green wall 2 m away."""
    picture = np.full((64, 96, 3), (30, 160, 60), np.uint8)
    depth = np.full((64, 96), 2.0, np.float32)
    picture[20:44, 36:60], depth[20:44, 36:60] = (200, 30, 20), 1.0
    return picture, depth


@pytest.fixture
def photo(blender: ModuleType, tmp_path: Path) -> PhotoScene:
    picture, depth = square()
    Image.fromarray(picture).save(tmp_path / "square.png")
    np.save(tmp_path / "square.npy", depth)
    request = ImportRequest(
        tmp_path / "square.png",
        DepthFile(tmp_path / "square.npy", DepthFormat("metres")),
        ImportSettings(intrinsics=INTRINSICS.tolist()),
    )
    return import_photo(blender.context.scene, request)


def sideways(scale: float = 1.0) -> Trajectory:
    return truck([0.0, 0.2 * scale], INTRINSICS, SIZE)


def preview(photo: PhotoScene, trajectory: Trajectory, method: Method = "workbench") -> np.ndarray:
    with PreviewRenderer(photo, photo.depth(), trajectory, method) as renderer:
        return np.stack([renderer.render(index) for index in range(len(trajectory))])


@pytest.fixture(scope="module")
def background() -> tuple[BackgroundLayer, ...]:
    """What the draft fills in behind the square."""
    picture, depth = square()
    preview = rendered(picture, depth, INTRINSICS, sideways())
    settings = ShotSettings(engine="draft", options={"keep_layers": True})
    shot = Shot(sideways(), preview, picture, INTRINSICS, depth, settings)
    return DraftEngine().generate(shot, lambda _: None).background


@pytest.fixture
def layers(blender: ModuleType, photo: PhotoScene, background: tuple[BackgroundLayer, ...]) -> list[Any]:
    """It in the scene, which was made twice as large since."""
    scene = blender.context.scene
    added = add_background(scene, set_scale(scene, photo, 2.0), background, "shot, take 1 background", 2.0)
    blender.context.view_layer.update()
    return added


def paint(image: Any, colour: tuple[int, int, int]) -> None:
    pixels = np.ones((image.size[1], image.size[0], 4), np.float32)
    pixels[..., :3] = np.array(colour, np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    image.update()


@pytest.mark.parametrize("method", ["eevee", "workbench"])
def test_what_is_painted_is_seen_as_known(
    blender: ModuleType, photo: PhotoScene, layers: list[Any], method: Method
) -> None:
    before = preview(photo, sideways(2.0), method)
    hole = before[1, ..., 3] == 0
    assert 100 < hole.sum() < hole.size / 2
    assert painted_layers(photo) == []
    for layer in layers:
        paint(layer_image(layer), BLUE)
    after = preview(photo, sideways(2.0), method)
    filled = hole & (after[1, ..., 3] == 255)
    assert filled.sum() > 0.9 * hole.sum()
    np.testing.assert_allclose(after[1][filled][:, :3], np.tile(BLUE, (filled.sum(), 1)), atol=2)
    # The photo's own pixels stay, from its camera and from others.
    np.testing.assert_array_equal(after[before[..., 3] == 255], before[before[..., 3] == 255])
    for layer in layers:
        layer.hide_set(True)
    np.testing.assert_array_equal(preview(photo, sideways(2.0), method), before)


def test_only_the_painted_part_counts(photo: PhotoScene, layers: list[Any]) -> None:
    layer = max(layers, key=lambda subject: len(subject.data.polygons))
    image = layer_image(layer)
    pixels = image_floats(image)[::-1].copy()
    half = pixels.shape[1] // 2
    pixels[:, half:, 2] = 1 - pixels[:, half:, 2]
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    (painted,) = painted_layers(photo)
    assert 0 < len(painted.triangles) < len(layer.data.polygons)
    assert painted.places[..., 0].min() >= half / pixels.shape[1] - 0.01
    # Another picture in the texture's place counts whole, whatever it shows.
    other = layer.id_data.active_material.node_tree.nodes.active
    other.image = photo.image
    (whole,) = painted_layers(photo)
    assert len(whole.triangles) == len(layer.data.polygons)


def test_a_layer_that_cannot_be_read_is_told(blender: ModuleType, photo: PhotoScene, layers: list[Any]) -> None:
    layer = layers[0]
    image = layer_image(layer)
    paint(image, BLUE)
    assert len(painted_layers(photo)) == 1
    assert layers_left_out(photo) == []

    def told(why: str) -> None:
        (sentence,) = layers_left_out(photo)
        assert f"painted on {layer.name} is not in the preview: {why}" in sentence
        assert painted_layers(photo) == []

    blender.context.view_layer.objects.active = layer
    blender.ops.object.mode_set(mode="EDIT")
    told("it is in Edit Mode")
    blender.ops.object.mode_set(mode="OBJECT")
    layer.data.uv_layers["UVMap"].name = "other"
    told("it has no UV map")
    layer.data.uv_layers["other"].name = "UVMap"
    image.unpack(method="REMOVE")
    image.source, image.filepath = "FILE", "//gone.png"
    told(f"its image {image.name} cannot be read, bring back")
    blender.data.images.remove(image)
    told("its material shows no image")
    layer.hide_set(True)
    assert layers_left_out(photo) == []


def test_they_stand_behind_the_photo_in_its_metres_and_outlive_the_file(
    blender: ModuleType, photo: PhotoScene, layers: list[Any], tmp_path: Path
) -> None:
    scene = blender.context.scene
    wall = [layer for layer in layers if layer.name.startswith("behind")]
    blender.context.view_layer.update()
    for layer in wall:
        distances = [(layer.matrix_world @ vertex.co).y for vertex in layer.data.vertices]
        assert np.median(distances) == pytest.approx(4.0, rel=0.05)
    assert not any(has_surface(layer) for layer in layers), "they are no geometry of the artist's"
    # With its scale the scene's, and seen only while their photo is.
    doubled = find_photo_scene(scene)
    assert doubled is not None
    set_scale(scene, doubled, 3.0)
    for layer in wall:
        assert np.median([(layer.matrix_world @ v.co).y for v in layer.data.vertices]) == pytest.approx(6.0, rel=0.05)
    names = [layer.name for layer in layers]
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "painted.blend"))
    blender.ops.wm.open_mainfile(filepath=str(tmp_path / "painted.blend"))
    again = find_photo_scene(blender.context.scene)
    assert again is not None
    assert painted_layers(again) == []
    paint(layer_image(blender.data.objects[names[0]]), BLUE)
    assert len(painted_layers(again)) == 1
    request = ImportRequest(
        tmp_path / "square.png", DepthFile(tmp_path / "square.npy", DepthFormat("metres")), ImportSettings()
    )
    choose_photo(blender.context.scene, import_photo(blender.context.scene, request))
    assert all(blender.data.objects[name].hide_get() for name in names)


def test_no_background_is_said(blender: ModuleType, photo: PhotoScene) -> None:
    with pytest.raises(PhotoError, match="has no background"):
        add_background(blender.context.scene, photo, (), "nothing", 1.0)
