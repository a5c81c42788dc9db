"""What becomes of a photo's colours and depth in this process's colour configuration (OCIO): `python -m` in a folder.

Prints one line of JSON: by how much (steps of 255, the mean) the preview, a photo of 16 bits, and a placed clip under
each of the scene's views differ from the photo; the largest relative error of a depth of 16 bits; and which views the
artist is warned of.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from PIL import Image

from blender_addon.blender_versions import set_png
from blender_addon.colour_spaces import views
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.scene import import_photo, read_photo
from blender_addon.scene.photo_file import photo_pixels
from blender_addon.shot import PreviewRenderer
from blender_addon.shot.preview_scene import Method
from blender_addon.timeline.strip import place_strip
from blender_addon.timeline.take import ShotPlacement
from blender_addon.timeline.take_folders import make_take, new_take_folder
from blender_addon.timeline.view_transform import colours_changed
from tests.support.clips import write_clip

SIZE = (48, 32)


def main(folder: Path, methods: Sequence[Method]) -> None:
    """Try everything in an empty folder, the preview by some methods."""
    rows, columns = np.mgrid[:32, :48]
    photo = np.stack([40 + 4 * columns, 60 + 5 * rows, 200 - 3 * columns], axis=2).astype(np.uint8)
    depth = 2000 + 10 * rows + columns
    Image.fromarray(photo).save(folder / "photo.png")
    Image.fromarray(depth.astype(np.uint16)).save(folder / "depth.png")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    metres = DepthFormat("metres", scale=0.001)
    imported = import_photo(scene, ImportRequest(folder / "photo.png", DepthFile(folder / "depth.png", metres)))
    found: dict[str, object] = {
        "photo": off(imported.photo(), photo),
        "depth": float(np.abs(imported.depth() / (depth * 0.001) - 1).max()),
        "photo of 16 bits": off(sixteen_bits(folder, photo), photo),
    }
    trajectory = Trajectory(np.eye(4)[None], imported.intrinsics, *SIZE)
    for method in methods:
        with PreviewRenderer(imported, imported.depth(), trajectory, method) as renderer:
            found[method] = off(renderer.render(0)[..., :3], photo)
    take_folder = new_take_folder(folder, "shot")
    write_clip(take_folder, np.stack([photo, photo]), ShotSettings(engine="draft"))
    place = ShotPlacement(artist_width=48, artist_height=32, pixel_aspect=1.0, frame_start=1, frame_end=2)
    take = make_take(take_folder, blend_folder=folder, shot="shot", placement=place, camera="Camera")
    shown, warned = {}, []
    for view in views(scene):
        scene.view_settings.view_transform = view
        place_strip(scene, take)
        shown[view] = off(rendered(scene, folder / "shown.png"), photo)
        if colours_changed(scene) is not None:
            warned.append(view)
    print("\n" + json.dumps({**found, "shown": shown, "warned": warned}))


def off(pixels: np.ndarray, photo: np.ndarray) -> float:
    """The mean difference in steps of 255."""
    return float(np.abs(pixels.astype(float) - photo).mean())


def sixteen_bits(folder: Path, photo: np.ndarray) -> np.ndarray:
    """The photo's pixels as they come from a TIFF of 16 bits that Blender writes without a view."""
    image = bpy.data.images.new("wide", *SIZE, alpha=False, float_buffer=True, is_data=True)
    pixels = np.ones((32, 48, 4), np.float32)
    pixels[..., :3] = photo[::-1] / 255
    image.pixels.foreach_set(pixels.ravel())
    scene = bpy.data.scenes.new("wide")
    set_png(scene.render.image_settings)
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGB", "16"
    image.save_render(str(folder / "wide.png"), scene=scene)
    bpy.data.scenes.remove(scene)
    with Image.open(folder / "wide.png") as written:
        assert off(np.asarray(written.convert("RGB")), photo) < 1, "the trial's own file is wrong"
    return photo_pixels(read_photo(folder / "wide.png").image)


def rendered(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    """The sequencer's first frame."""
    set_png(scene.render.image_settings)
    scene.render.engine, scene.render.dither_intensity = "BLENDER_WORKBENCH", 0.0
    scene.frame_set(1)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), cast(Sequence[Method], sys.argv[2:]))
    sys.stdout.flush()
    os._exit(0)  # Blender 4.5 may hang at its exit.
