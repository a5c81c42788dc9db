"""EXR files as Blender writes them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray


def write_exr(bpy: ModuleType, path: Path, values: NDArray[np.float32], codec: str) -> None:
    """values [h, w] as the red channel of a 32-bit picture."""
    height, width = values.shape
    scene = bpy.data.scenes.new("exr")
    scene.view_settings.view_transform = "Raw"
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGB"
    settings.exr_codec = codec
    image = bpy.data.images.new("exr", width, height, float_buffer=True, alpha=False, is_data=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., 0] = values[::-1]
    image.pixels.foreach_set(pixels.ravel())
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    bpy.data.scenes.remove(scene)


def write_rendered_depth(bpy: ModuleType, path: Path, distance: float, codec: str = "ZIP") -> None:
    """A multilayer render with Z of a plane that stands square in front of the camera."""
    scene = bpy.data.scenes.new("depth")
    mesh = bpy.data.meshes.new("plane")
    mesh.from_pydata([(-1, -1, -distance), (1, -1, -distance), (1, 1, -distance)], [], [(0, 1, 2)])
    scene.collection.objects.link(bpy.data.objects.new("plane", mesh))
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.view_layers[0].use_pass_z = True
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
    settings.exr_codec = codec
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
