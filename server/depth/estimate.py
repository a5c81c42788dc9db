"""From one photo to a scene's depth: predict, choose the lens, bring to the photo's size, clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.camera.focal_length import PhotoLens, photo_lens
from blender_addon.core.camera.projection import scaled_intrinsics, unproject
from blender_addon.core.depth.cleaning.clean import DEFAULT_CLEANING, CleanDepth, Cleaning, clean_depth
from blender_addon.core.depth.cleaning.upsample import guided_upsample

from .predictor import DepthEstimate, DepthPredictor, PredictorCard

MOST_PIXELS = 1_000_000
"""Pixels at most of a scene's depth; its mesh has fewer vertices."""


@dataclass(frozen=True, eq=False)
class SceneDepth:
    """Depth and lens of a photo.

    Attributes:
        cleaned: depth [h, w] of the photo's aspect, and the masks of its cleaning.
        lens: of the photo, and where its focal length came from.
    """

    cleaned: CleanDepth
    lens: PhotoLens


def estimate_scene_depth(
    photo: UInt8,
    predictor: DepthPredictor,
    focal_mm: float | None,
    exif_mm: float | None,
    cleaning: Cleaning = DEFAULT_CLEANING,
    intrinsics: Float64 | None = None,
) -> SceneDepth:
    """Metric depth and lens of a photo.

    Args:
        photo: [H, W, 3] uint8 sRGB.
        predictor: the network.
        focal_mm: typed by the artist, 35 mm equivalent; None when nothing was typed.
        exif_mm: from the photo's EXIF, 35 mm equivalent; None when EXIF has none.
        cleaning: which steps to take; its `farthest` is replaced by the predictor's limit.
        intrinsics: [3, 3] of a calibrated camera, in pixels of the photo; None when the camera is not calibrated.

    Raises:
        PhotoError: the focal length that is used is not a positive number.
        CameraError: the intrinsics are not a pinhole camera's.
    """
    return scene_depth_of(predictor.predict(photo), predictor.card, photo, focal_mm, exif_mm, cleaning, intrinsics)


def scene_depth_of(
    estimate: DepthEstimate,
    card: PredictorCard,
    photo: UInt8,
    focal_mm: float | None,
    exif_mm: float | None,
    cleaning: Cleaning = DEFAULT_CLEANING,
    intrinsics: Float64 | None = None,
) -> SceneDepth:
    """Metric depth and lens of a photo of which a predictor's estimate is known.

    Args:
        estimate: of the photo.
        card: of the predictor; the other arguments are those of estimate_scene_depth.

    Raises:
        PhotoError: the focal length that is used is not a positive number.
        CameraError: the intrinsics are not a pinhole camera's.
    """
    size = (photo.shape[1], photo.shape[0])
    lens = photo_lens(size, intrinsics=intrinsics, focal_mm=focal_mm, exif_mm=exif_mm, predicted=estimate.intrinsics)
    depth = _rescaled_to_lens(estimate, lens.intrinsics)
    limited = replace(cleaning, farthest=card.farthest)
    return SceneDepth(cleaned_at_photo(depth, photo, lens.intrinsics, limited), lens)


def _rescaled_to_lens(estimate: DepthEstimate, intrinsics: Float64) -> Float32:
    """The estimated depth under another lens than the predicted one.

    What looks as large through a longer lens is farther away. A predictor without a lens of its own keeps its depth.

    Args:
        estimate: depth, and the intrinsics it was predicted with.
        intrinsics: [3, 3] in pixels of the photo.

    Returns:
        [h, w] float32 metres along z.
    """
    if estimate.intrinsics is None:
        return estimate.depth
    return np.asarray(estimate.depth * (intrinsics[0, 0] / estimate.intrinsics[0, 0]), dtype=np.float32)


def cleaned_at_photo(
    depth: Float32, photo: UInt8, intrinsics: Float64, cleaning: Cleaning = DEFAULT_CLEANING
) -> CleanDepth:
    """Depth of any size brought to the photo's size, or to MOST_PIXELS if the photo has more, and cleaned.

    Args:
        depth: [h, w] metres along z, for example a predictor's or a phone's LiDAR.
        photo: [H, W, 3] uint8 sRGB.
        intrinsics: [3, 3] in pixels of the photo.
        cleaning: which steps to take.

    Raises:
        PhotoError: the aspects differ.
    """
    height, width = photo.shape[:2]
    size = scene_size(width, height)
    picture = photo if size == (width, height) else np.array(Image.fromarray(photo).resize(size, Image.Resampling.BOX))
    lens = scaled_intrinsics(intrinsics, (width, height), size)
    if depth.shape != picture.shape[:2]:
        depth = guided_upsample(depth, picture)
    return clean_depth(depth, picture, lens, cleaning, kdtree_search)


def scene_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of a scene's depth: the photo's, or of its aspect with MOST_PIXELS if it has more."""
    shrink = min(1.0, float(np.sqrt(MOST_PIXELS / (height * width))))
    return max(round(width * shrink), 1), max(round(height * shrink), 1)


LEAF = 32
"""Points below which the tree is not split; twice the neighbours searched for, which is fastest."""


def kdtree_search(depth: Float32, intrinsics: Float64, count: int) -> Callable[[Bool], Float64]:
    """A NearestSearch of core.depth.cleaning.outliers that uses a k-d tree; exact, in float64."""
    # Here, so that a server without SciPy can say which predictors it lacks packages for.
    from scipy.spatial import cKDTree

    known = np.isfinite(depth)
    points = unproject(depth, intrinsics)
    # Points of a depth map are spread evenly enough: a tree split in the middle is as good, and built sooner.
    tree = cKDTree(points[known], LEAF, compact_nodes=False, balanced_tree=False)
    count = min(count, tree.n)

    def mean_distances(where: Bool) -> Float64:
        asked = known & where
        distance, _ = tree.query(points[asked], k=count, workers=-1)
        result = np.full(depth.shape, np.nan)
        result[asked] = distance.reshape(-1, count).mean(axis=1)
        return result

    return mean_distances
