"""A point of the scene lands on the same pixel in Blender's render, in our project() and in OpenCV's formula."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.camera.projection import project

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from mathutils import Euler, Matrix, Vector  # noqa: E402

from blender_addon.shot import render_frame, sample_camera  # noqa: E402

COLOURS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0))
# Where in the frame the four markers stand (0 to 1 across and down) and how far away (metres).
PLACES = ((0.2, 0.25, 2.0), (0.8, 0.3, 5.0), (0.3, 0.75, 9.0), (0.75, 0.8, 3.0))

LANDSCAPE, PORTRAIT, SQUARE = (240, 150, 100, 1.0, 1.0), (150, 240, 100, 1.0, 1.0), (200, 200, 100, 1.0, 1.0)
WIDE_PIXELS, TALL_PIXELS_HALF = (160, 200, 100, 1.6, 1.0), (401, 301, 50, 1.0, 1.5)


def add_sphere(bpy: ModuleType, centre: NDArray[np.float64], radius: float, colour: tuple[float, ...]) -> None:
    import bmesh

    mesh = bpy.data.meshes.new("marker")
    ball = bmesh.new()
    bmesh.ops.create_icosphere(ball, subdivisions=2, radius=radius, matrix=Matrix.Translation(Vector(centre)))
    ball.to_mesh(mesh)
    ball.free()
    marker = bpy.data.objects.new("marker", mesh)
    marker.color = (*colour, 1.0)
    bpy.context.scene.collection.objects.link(marker)


def rendered(bpy: ModuleType, path: Path) -> NDArray[np.uint8]:
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.light, scene.display.shading.color_type = "FLAT", "OBJECT"
    scene.display.render_aa = "OFF"
    scene.view_settings.view_transform = "Standard"
    scene.render.film_transparent = True
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def centre_of(pixels: NDArray[np.uint8], colour: tuple[float, ...]) -> NDArray[np.float64]:
    rows, columns = np.nonzero((pixels == np.array(colour) * 255).all(axis=2))
    assert len(rows) >= 6, "the marker is not in the picture"
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("sensor_fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("frame", [LANDSCAPE, PORTRAIT, SQUARE, WIDE_PIXELS, TALL_PIXELS_HALF])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.17, -0.09)])
def test_markers_land_where_the_trajectory_says(
    blender: ModuleType, tmp_path: Path, sensor_fit: str, frame: tuple[Any, ...], shift: tuple[float, float]
) -> None:
    scene = blender.context.scene
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = frame[:3]
    render.pixel_aspect_x, render.pixel_aspect_y = frame[3:]
    data = blender.data.cameras.new("camera")
    data.lens, data.sensor_width, data.sensor_height, data.sensor_fit = 31.0, 30.0, 22.0, sensor_fit
    data.shift_x, data.shift_y = shift
    scene.camera = blender.data.objects.new("camera", data)
    scene.collection.objects.link(scene.camera)
    scene.camera.matrix_world = Matrix.LocRotScale(Vector((1.0, -2.0, 1.5)), Euler((1.3, 0.2, 0.7)), None)
    # The photo's place, somewhere else: poses are relative to it.
    reference = blender.data.objects.new("reference", None)
    scene.collection.objects.link(reference)
    reference.matrix_world = Matrix.LocRotScale(Vector((-3.0, 1.0, 0.5)), Euler((1.5, -0.1, 2.0)), None)

    trajectory = sample_camera(scene, scene.camera, [1], reference)
    size = render_frame(scene)
    assert (trajectory.width, trajectory.height) == (size.width, size.height)
    pose, intrinsics = trajectory.camera_to_world[0], trajectory.intrinsics[0]
    opencv_to_blender = np.array(reference.matrix_world) @ np.diag([1, -1, -1, 1])
    points = []
    for (x, y, depth), colour in zip(PLACES, COLOURS, strict=True):
        ray = np.linalg.inv(intrinsics) @ [x * size.width, y * size.height, 1.0]
        point = pose @ [*(ray * depth), 1.0]
        points.append(point[:3])
        add_sphere(blender, (opencv_to_blender @ point)[:3], 5 * depth / intrinsics.max(), colour)

    pixels = rendered(blender, tmp_path / "markers.png")
    assert pixels.shape[:2] == (size.height, size.width)
    projected, _ = project(np.array(points), intrinsics, pose)
    # OpenCV's own words: x = K [R|t] X with the middle of the first pixel at (0, 0), so the principal point is
    # half a pixel less than ours.
    rotation, translation = pose[:3, :3].T, -pose[:3, :3].T @ pose[:3, 3]
    for point, ours, colour in zip(points, projected, COLOURS, strict=True):
        x, y, z = rotation @ point + translation
        u = intrinsics[0, 0] * x / z + intrinsics[0, 2] - 0.5
        v = intrinsics[1, 1] * y / z + intrinsics[1, 2] - 0.5
        in_render = centre_of(pixels, colour)
        np.testing.assert_allclose(in_render, ours, atol=0.4)
        np.testing.assert_allclose(in_render - 0.5, [u, v], atol=0.4)
