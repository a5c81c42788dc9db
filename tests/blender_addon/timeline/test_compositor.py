from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blender_addon import blender_versions
from blender_addon.timeline.compositor import remove_compositor_overlay, set_compositor_overlay
from tests.support.clips import MakeTake, Pixels, draw_quadrant, frame_shown, quadrant
from tests.support.takes import laid_back

pytestmark = pytest.mark.blender

Read = Callable[[int], Pixels]


@pytest.fixture
def scene(blender: ModuleType, rendered: Read) -> Any:
    """A scene with a camera, so that there is a render, of nothing yet, to lay the clip under."""
    camera = blender.data.objects.new("Camera", blender.data.cameras.new("Camera"))
    made = blender.context.scene
    made.collection.objects.link(camera)
    made.camera = camera
    made.render.use_sequencer = False
    made.render.film_transparent = True
    return made


def test_the_clip_lies_under_the_render_frame_by_frame(scene: Any, new_take: MakeTake, rendered: Read) -> None:
    bare = rendered(40)
    set_compositor_overlay(scene, new_take(frame_start=21, frame_end=116))
    assert [frame_shown(rendered(frame)) for frame in (21, 68, 116)] == [0, 7, 15]
    remove_compositor_overlay(scene, "Camera")
    np.testing.assert_array_equal(rendered(40), bare)
    assert blender_versions.compositor_tree(scene) is None


def test_the_scenes_objects_lie_over_the_clip(
    blender: ModuleType, scene: Any, new_take: MakeTake, rendered: Read
) -> None:
    """A square in the middle of the view: the render is seen there, the clip around it."""
    data = blender.data.meshes.new("Square")
    data.from_pydata([(-1, -1, -9), (1, -1, -9), (1, 1, -9), (-1, 1, -9)], [], [(0, 1, 2, 3)])
    scene.collection.objects.link(blender.data.objects.new("Square", data))
    alone = rendered(1)
    set_compositor_overlay(scene, new_take(size=(320, 180)))
    over = rendered(1)
    middle = np.s_[80:100, 150:170]
    np.testing.assert_allclose(over[middle].astype(int), alone[middle], atol=2)
    assert np.median(np.abs(over[:30].astype(int) - alone[:30])) > 10


def linear(pixels: Pixels) -> np.ndarray:
    """Light, as the compositor mixes it, of sRGB pixels."""
    value = pixels / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(
    ("clip_size", "artist_size", "pixel_aspect"),
    [((512, 320), (640, 360), 1.0), ((512, 320), (270, 480), 1.0), ((256, 256), (360, 288), 16 / 11)],
)
@pytest.mark.parametrize("percentage", [100, 50])
def test_it_lines_up_with_the_artists_frame(
    blender: ModuleType,
    scene: Any,
    new_take: MakeTake,
    rendered: Read,
    clip_size: tuple[int, int],
    artist_size: tuple[int, int],
    pixel_aspect: float,
    percentage: int,
) -> None:
    scene.render.resolution_x, scene.render.resolution_y = artist_size
    scene.render.resolution_percentage = percentage
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = pixel_aspect, 1.0
    take = new_take(frames=2, size=clip_size, frame_end=2, artist_size=artist_size, pixel_aspect=pixel_aspect)
    corner = np.array([clip_size[0] * 0.4, clip_size[1] * 0.45]).round()
    draw_quadrant(Path(blender.path.abspath(take.folder)) / "frames/0000.png", corner)
    set_compositor_overlay(scene, take)
    expected = laid_back(take.fit, corner) * percentage / 100
    assert quadrant(linear(rendered(1))) == pytest.approx(tuple(expected), abs=1.0)


def test_the_artists_nodes_stay_and_are_joined_again(scene: Any, new_take: MakeTake, rendered: Read) -> None:
    tree = blender_versions.make_compositor_tree(scene)
    output = blender_versions.compositor_output(tree)
    blur = tree.nodes.new("CompositorNodeBlur")
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], blur.inputs["Image"])
    tree.links.new(blur.outputs["Image"], output)
    before = {node.name for node in tree.nodes}
    over = set_compositor_overlay(scene, new_take())
    _, foreground = blender_versions.alpha_over_sockets(over)
    assert foreground.links[0].from_node == blur
    assert set_compositor_overlay(scene, new_take(grey=100)) == over
    assert frame_shown(rendered(96), grey=100) == 15
    remove_compositor_overlay(scene, "Camera")
    assert {node.name for node in tree.nodes} == before
    assert blender_versions.compositor_output(tree).links[0].from_node == blur
    assert blender_versions.compositor_tree(scene) == tree


def test_of_two_shots_the_newer_is_seen_and_they_come_off_in_any_order(
    scene: Any, new_take: MakeTake, rendered: Read
) -> None:
    bare = rendered(1)
    set_compositor_overlay(scene, new_take(shot="A"))
    set_compositor_overlay(scene, new_take(shot="B", grey=100))
    assert frame_shown(rendered(96), grey=100) == 15
    remove_compositor_overlay(scene, "A")
    assert frame_shown(rendered(96), grey=100) == 15
    remove_compositor_overlay(scene, "B")
    np.testing.assert_array_equal(rendered(1), bare)


def test_the_clip_keeps_its_colours_under_agx(
    blender: ModuleType, scene: Any, new_take: MakeTake, rendered: Read
) -> None:
    scene.view_settings.view_transform = "AgX"
    take = new_take(size=(320, 180), artist_size=(320, 180))
    set_compositor_overlay(scene, take)
    with Image.open(Path(blender.path.abspath(take.folder)) / "frames/0000.png") as picture:
        difference = np.abs(rendered(1).astype(int) - np.array(picture).astype(int))
    assert np.median(difference) <= 1
    assert difference.mean() < 2


def test_a_scene_with_another_view_leaves_the_clips_colours_in_the_first(
    blender: ModuleType, scene: Any, new_take: MakeTake
) -> None:
    scene.view_settings.view_transform = "AgX"
    take = new_take()
    set_compositor_overlay(scene, take)
    other = blender.data.scenes.new("Other")
    other.view_settings.view_transform = "Standard"
    set_compositor_overlay(other, take)
    spaces = [
        node.image.colorspace_settings.name
        for shown in (scene, other)
        for node in blender_versions.compositor_tree(shown).nodes
        if node.bl_idname == "CompositorNodeImage"
    ]
    assert spaces == ["AgX Base sRGB", "sRGB"]
