"""The scene of a photo without a depth of its own: its ground, walls and cut-outs, as an artist laid them out."""

from __future__ import annotations

from pathlib import Path

import bpy
from msgspec import structs

from ...core.depth.layout.layout import DepthLayout
from ...core.depth.layout.layout_depth import layout_depth
from ...core.errors import RealCamError
from ...core.payloads.import_request import ImportSettings
from ...core.printable import printable
from ..editing.depth_layout import DEPTH_EDGE, keep_layout, layout_size
from ..photo_file import read_photo
from ..photo_scene import PhotoScene
from .photo_objects import NamedPhoto, scene_of_depth


def scene_of_layout(scene: bpy.types.Scene, photo: Path, layout: DepthLayout, settings: ImportSettings) -> PhotoScene:
    """Put a photo with a laid-out depth into the scene; the layout is stored with it, to be changed later.

    Args:
        scene: The scene.
        photo: The photo's file.
        layout: Its ground, walls and cut-outs.
        settings: How the scene shall be built. A smaller depth edge than a floor needs is raised.

    Raises:
        PhotoError: The photo cannot be used, or the layout is none of it. Nothing is left behind then.
        CameraError: Blender has no camera with these intrinsics. Nothing is left behind then.
    """
    named = NamedPhoto(printable(photo.stem), read_photo(photo))
    try:
        lens = settings.lens(named.file.size, named.file.focal_35mm)
        size = layout_size(named.file.size, settings.max_vertices)
        depth = layout_depth(layout, size, lens.intrinsics, named.file.size)
        cut = structs.replace(settings, depth_edge=max(settings.depth_edge, DEPTH_EDGE))
        built = scene_of_depth(scene, named, depth, lens.intrinsics, lens.words, cut)
    except RealCamError:
        bpy.data.images.remove(named.file.image)
        raise
    keep_layout(built.mesh, layout, size)
    return built
