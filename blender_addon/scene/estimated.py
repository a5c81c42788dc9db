"""A photo and the depth a server estimated for it become a scene."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ..core.depth_request import FLYING, OUTLIER, DepthResult
from ..core.errors import RealCamError
from .cleaning import set_dropped
from .import_photo import PhotoImport, scene_of_photo
from .mesh import set_flaws
from .photo_file import read_photo
from .photo_scene import PhotoScene, store_record


def scene_of_estimate(scene: bpy.types.Scene, request: PhotoImport, estimate: DepthResult) -> PhotoScene:
    """Build the scene of request.photo; request.depth is not read, and request.intrinsics go before the estimate's.

    Raises PhotoError, and then leaves nothing behind.
    """
    photo = read_photo(request.photo)
    # What cleaning took out is kept, marked, so that the artist can take it back.
    wrong = estimate.touched & (FLYING | OUTLIER)
    everything = np.where(np.isfinite(estimate.depth), estimate.depth, np.where(wrong != 0, estimate.before, np.nan))
    lens = request.intrinsics if request.intrinsics is not None else estimate.intrinsics
    try:
        # A predictor's metres are what it was trained for: no unit to doubt.
        built = scene_of_photo(scene, photo, everything, replace(request, intrinsics=lens, trust_scale=True))
    except RealCamError:
        bpy.data.images.remove(photo.image)
        raise
    half = built.record.stride // 2
    set_flaws(built.mesh.data, wrong[half :: built.record.stride, half :: built.record.stride].astype(np.int32))
    built = set_dropped(built, FLYING | OUTLIER)
    if request.intrinsics is not None:
        return built
    record = replace(built.record, focal_source=estimate.focal_source)
    store_record(built.mesh, record)
    return replace(built, record=record)
