"""A photo and the depth a server estimated for it become a scene."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ...core.depth.cleaning.clean import CleanDepth
from ...core.depth.depth_mesh import thinned
from ...core.errors import RealCamError
from ...core.payloads.depth_request import DepthResult
from ..editing.cleaning import EVERYTHING, marked_vertices, set_cleaned
from ..mesh import mark_vertices, read_vertices
from ..photo_file import read_photo
from ..photo_scene import PhotoScene, store_record
from .import_photo import PhotoImport, scene_of_photo


def scene_of_estimate(scene: bpy.types.Scene, request: PhotoImport, estimate: DepthResult) -> PhotoScene:
    """Build the scene of request.photo; request.depth is not read, and request.intrinsics go before the estimate's.

    The server's cleaning is in force; each of its steps can be taken back. Raises PhotoError, and then leaves nothing
    behind.
    """
    photo = read_photo(request.photo)
    # The depth before cleaning, but for a sky that had none: every step is done from there, and undone.
    depth = np.where(np.isfinite(estimate.before), estimate.before, estimate.depth)
    lens = request.intrinsics if request.intrinsics is not None else estimate.intrinsics
    try:
        # A predictor's metres are what it was trained for: no unit to doubt.
        built = scene_of_photo(scene, photo, depth, replace(request, intrinsics=lens, trust_scale=True))
    except RealCamError:
        bpy.data.images.remove(photo.image)
        raise
    stride = built.record.stride
    found = CleanDepth(
        thinned(estimate.depth, stride), thinned(estimate.before, stride), thinned(estimate.touched, stride)
    )
    mesh = built.mesh.data
    mark_vertices(mesh, marked_vertices(read_vertices(mesh), found))
    built = set_cleaned(scene, built, EVERYTHING)
    if request.intrinsics is not None:
        return built
    record = replace(built.record, focal_source=estimate.focal_source)
    store_record(built.mesh, record)
    return replace(built, record=record)
