"""Makes the add-on's demo photo: `python scripts/demo_photo/make.py` (Python with the bpy wheel, Pillow and NumPy).

A room of primitives and procedural materials, path traced; its depth along the viewing axis from the same scene; the
lens in the photo's EXIF. Nothing is random but by fixed seeds. Some minutes of a processor's time.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from room import FOCAL_35MM, build_room

OUT = Path(__file__).parents[2] / "blender_addon" / "demo_photo"
NAME = "living_room"
PHOTO_SIZE, DEPTH_SIZE = (1536, 864), (768, 432)
FOCAL_LENGTH_IN_35MM_FILM = 0xA405
"""The EXIF tag."""
EXIF_IFD = 0x8769
BESIDE = (0.45, -0.05, 0.1, -7.0)
"""The second camera, from the photo's: metres right, down and forward, then degrees turned to the right. What the draft
engine fills in is compared with what is seen from there (DEMO_CAMERA in server/bench/fill_truth/scenes.py).
"""


def main() -> None:
    """Render, and write the photo and its depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--shrink", type=int, default=1, help="a draft this many times smaller")
    parser.add_argument("--beside", type=Path, help="only write this picture: the room from the second camera, BESIDE")
    parser.add_argument("--save", type=Path, help="also keep the scene as a .blend")
    told = parser.parse_args()
    if not told.beside:
        told.out.mkdir(parents=True, exist_ok=True)
    scene = build_room()
    _set_lens(scene)
    if told.save:
        bpy.ops.wm.save_as_mainfile(filepath=str(told.save.resolve()))
    width, height = PHOTO_SIZE
    if told.beside:
        _move_camera(scene)
        beside = render_photo(scene, (width // told.shrink, height // told.shrink), told.samples)
        beside.save(told.beside, quality=92, subsampling=0, optimize=True)
        return
    photo = render_photo(scene, (width // told.shrink, height // told.shrink), told.samples)
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[FOCAL_LENGTH_IN_35MM_FILM] = FOCAL_35MM
    photo.save(told.out / f"{NAME}.jpg", quality=90, subsampling=0, exif=exif, optimize=True)
    depth = render_depth(scene, DEPTH_SIZE)
    millimetres = np.rint(depth * 1000).astype(np.uint16)
    Image.fromarray(millimetres).save(told.out / f"{NAME}_depth.png", optimize=True)


def _set_lens(scene: bpy.types.Scene) -> None:
    """The EXIF's focal length by the diagonal, as the add-on reads it."""
    width, height = PHOTO_SIZE
    focal = FOCAL_35MM * math.hypot(width, height) / math.hypot(36, 24)
    camera = scene.camera.data
    camera.sensor_fit, camera.sensor_width = "HORIZONTAL", 36.0
    camera.lens = focal * 36.0 / width


def _move_camera(scene: bpy.types.Scene) -> None:
    """To BESIDE, which is relative to the photo's camera."""
    right, down, forward, degrees = BESIDE
    camera = scene.camera
    scene.view_layers[0].update()
    turned = Matrix.Rotation(math.radians(-degrees), 4, "Y")
    camera.matrix_world = camera.matrix_world @ Matrix.Translation((right, -down, -forward)) @ turned


def render_photo(scene: bpy.types.Scene, size: tuple[int, int], samples: int) -> Image.Image:
    """The room as a camera sees it."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 0
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.01
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 8, 5, 3
    cycles.sample_clamp_indirect = 6.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.0
    pixels = _rendered(scene, size, "PNG", "RGB", "16")
    return Image.fromarray(np.rint(pixels[..., :3] * 255).astype(np.uint8))


def render_depth(scene: bpy.types.Scene, size: tuple[int, int]) -> NDArray[np.float32]:
    """[h, w] metres along z at each pixel's centre: one ray a pixel, so that edges are not mixed."""
    cycles = scene.cycles
    scene.render.engine = "CYCLES"
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = 1, False, False
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 0.01
    layer = scene.view_layers[0]
    layer.use_pass_z = True
    layer.use_pass_combined = False
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers, out = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeComposite")
    tree.links.new(layers.outputs["Depth"], out.inputs["Image"])
    depth = _rendered(scene, size, "OPEN_EXR", "RGB", "32")[..., 0]
    scene.use_nodes = False
    return depth


def _rendered(
    scene: bpy.types.Scene, size: tuple[int, int], file_format: str, mode: str, bits: str
) -> NDArray[np.float32]:
    """[h, w, 4] the render's numbers as its file holds them, top row first."""
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.image_settings.file_format = file_format
    render.image_settings.color_mode, render.image_settings.color_depth = mode, bits
    with tempfile.TemporaryDirectory() as folder:
        render.filepath = str(Path(folder) / f"render.{'exr' if file_format == 'OPEN_EXR' else 'png'}")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(render.filepath)
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(size[0] * size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
    return pixels.reshape(size[1], size[0], 4)[::-1]


if __name__ == "__main__":
    main()
