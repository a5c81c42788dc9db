"""The scene of a photo and the depth that a server estimated for it, with the server's cleaning in force."""

from __future__ import annotations

import bpy
import numpy as np

from ...core.depth.cleaning.clean import CleanDepth
from ...core.depth.depth_mesh import thinned
from ...core.payloads.depth_request import DepthResult
from ...core.payloads.import_request import ImportSettings
from ..editing.cleaning import EVERYTHING, marked_vertices, set_cleaned
from ..mesh import mark_vertices, read_vertices
from ..photo_scene import PhotoScene
from .photo_objects import NamedPhoto, scene_of_depth


def scene_of_estimate(
    scene: bpy.types.Scene, photo: NamedPhoto, estimate: DepthResult, settings: ImportSettings
) -> PhotoScene:
    """Put a photo with its estimated depth into the scene; each step of the server's cleaning can be taken back.

    The lens is the one that the depth was estimated for, which the request named or the predictor told; a calibration
    also gives the principal point.

    Raises:
        PhotoError: As scene_of_depth does.
        CameraError: As scene_of_depth does.
    """
    # The depth before cleaning, but for a sky that had none: every step is done from there, and undone.
    depth = np.where(np.isfinite(estimate.before), estimate.before, estimate.depth)
    intrinsics, focal_source = estimate.intrinsics, estimate.focal_source
    if settings.intrinsics is not None:
        lens = settings.lens(photo.file.size, photo.file.focal_35mm)
        intrinsics, focal_source = lens.intrinsics, lens.words
    built = scene_of_depth(scene, photo, depth, intrinsics, focal_source, settings)
    stride = built.record.stride
    found = CleanDepth(
        thinned(estimate.depth, stride), thinned(estimate.before, stride), thinned(estimate.cleaning_flags, stride)
    )
    mesh = built.mesh.data
    mark_vertices(mesh, marked_vertices(read_vertices(mesh), found))
    return set_cleaned(scene, built, EVERYTHING)
