"""How near depth laid out by hand comes to a sensor's: recorded layouts of photos whose depth was measured.

Each layout was drawn by looking at the photo, without the sensor's depth. Beside it stand its ground alone and a ramp
of the photo's rows, which knows nothing of the photo: 1 / depth grows evenly from the top to the bottom. And the
sensor's own depth after its scale and shift were lost, aligned to the layout's ground: what a faultless network for
relative depth would reach by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from blender_addon import core
from blender_addon.core.arrays import Float32, Float64
from blender_addon.core.camera.lens import focal_pixels
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.depth_format import DEPTH_UNITS, DepthFormat
from blender_addon.core.depth.depth_mesh import known_depth
from blender_addon.core.depth.layout.layout import DepthLayout, read_layout
from blender_addon.core.depth.layout.layout_depth import layout_depth, layout_surfaces
from blender_addon.core.depth.layout.mixing import align_to_floor
from server.depth.photo_files import read_depth

LAYOUTS = Path(__file__).parent / "recorded_layouts"
"""A JSON for each photo; coordinates only."""

RELATIVE_SCALE, RELATIVE_SHIFT = 0.7, 0.1
"""What was done to the sensor's inverse depth (1 / metres) before it is aligned; the result does not depend on it."""


@dataclass(frozen=True, eq=False)
class MeasuredPhoto:
    """A photo with a sensor's depth.

    Attributes:
        layout: name of its recorded layout.
        depth: path of the sensor's depth in the folder of data, or from the root.
        depth_format: what its numbers mean.
        size: (width, height) of the photo.
        intrinsics: [3, 3] in pixels of the photo.
        depth_intrinsics: [3, 3] of the sensor, in pixels of the photo's size, where it is another camera beside the
            photo's; None where each pixel of the depth is the photo's.
    """

    layout: str
    depth: str
    depth_format: DepthFormat
    size: tuple[int, int]
    intrinsics: Float64
    depth_intrinsics: Float64 | None = None


def _kitchen(frame: str) -> MeasuredPhoto:
    return MeasuredPhoto(
        f"redkitchen_{frame}",
        f"sequences/sevenscenes_redkitchen/frame-{frame}.depth.png",
        DepthFormat(scale=0.001, unknown=65535),
        (640, 480),
        intrinsics_matrix(525, 525, 320, 240),
        intrinsics_matrix(585, 585, 320, 240),
    )


_PHONE = focal_pixels(26.0, 1920, 1440)
_ROOM = focal_pixels(26.0, 1536, 864)

PHOTOS = (
    MeasuredPhoto(
        "living_room",
        str(Path(core.__file__).parents[1] / "demo_photo" / "living_room_depth.png"),
        DEPTH_UNITS["mm"].format,
        (1536, 864),
        intrinsics_matrix(_ROOM, _ROOM, 768, 432),
    ),
    MeasuredPhoto(
        "tum_desk",
        "rgbd/tum/TUM_depth.png",
        DEPTH_UNITS["tum"].format,
        (640, 480),
        intrinsics_matrix(525, 525, 319.5, 239.5),
    ),
    MeasuredPhoto(
        "motorcycle",
        "rgbd/middlebury_motorcycle/motorcycle_disp.npz",
        DepthFormat.of(None, (994.978, 0.193001, 31.086)),
        (741, 500),
        intrinsics_matrix(994.978, 994.978, 311.193, 254.877),
    ),
    MeasuredPhoto(
        "arkit_library",
        "rgbd/arkit_promptda/arkit_depth.png",
        DEPTH_UNITS["mm"].format,
        (1920, 1440),
        intrinsics_matrix(_PHONE, _PHONE, 960, 720),
    ),
    MeasuredPhoto(
        "kitti_street",
        "rgbd/kitti_metric3d/depth_0000000005.png",
        DEPTH_UNITS["kitti"].format,
        (1242, 375),
        intrinsics_matrix(707.0493, 707.0493, 604.0814, 180.5066),
    ),
    _kitchen("000000"),
    _kitchen("000140"),
)
"""The demo photo, rendered with its depth, and those in the folder of data, whose README has sources and licences."""


class Closeness(msgspec.Struct, frozen=True):
    """How near a depth is to the sensor's.

    Attributes:
        abs_rel: mean of |depth - sensor's| / sensor's.
        within: share of the pixels whose depth is less than 1.25 times too far or too near (delta < 1.25).
    """

    abs_rel: float
    within: float


class LayoutFigures(msgspec.Struct, frozen=True):
    """One way to depth on one photo.

    Attributes:
        photo: name of the layout.
        way: "layout", "ground", "rows" or "aligned".
        as_given: in its own metres; None for what has none.
        scaled: after one factor, the median of sensor's / depth; None where the shape is the sensor's.
        scaled_and_shifted: after a scale and a shift of 1 / depth, by least squares; likewise.
    """

    photo: str
    way: str
    as_given: Closeness | None
    scaled: Closeness | None
    scaled_and_shifted: Closeness | None


def measure_layouts(data: Path) -> list[LayoutFigures]:
    """The recorded layouts beside the sensors' depth.

    Args:
        data: the folder with `rgbd` and `sequences`.

    Returns:
        Four for each photo: its layout, its ground alone, the ramp of rows, and the sensor's shape aligned.

    Raises:
        PhotoError: a depth file is not there, or cannot be read.
    """
    return [figures for photo in PHOTOS for figures in _photo_figures(photo, data)]


def _photo_figures(photo: MeasuredPhoto, data: Path) -> list[LayoutFigures]:
    sensor = _on_photo(photo, known_depth(read_depth(data / photo.depth, photo.depth_format, trust_unit=True)))
    layout = read_layout(LAYOUTS / f"{photo.layout}.json")
    ground = DepthLayout(ground=layout.ground, farthest=layout.farthest)
    height, width = sensor.shape
    rows = np.repeat(height / (np.arange(height)[:, None] + 0.5), width, axis=1)
    ways: list[tuple[str, Float64, bool]] = [
        (way, layout_depth(what, (width, height), photo.intrinsics, photo.size).astype(np.float64), True)
        for way, what in (("layout", layout), ("ground", ground))
    ]
    known = np.isfinite(sensor)
    found = [
        _figures(photo.layout, way, depth[known], sensor[known].astype(np.float64), metric)
        for way, depth, metric in [*ways, ("rows", rows, False)]
    ]
    return [*found, _aligned(photo, layout, sensor)]


def _aligned(photo: MeasuredPhoto, layout: DepthLayout, sensor: Float32) -> LayoutFigures:
    surfaces = layout_surfaces(layout, (sensor.shape[1], sensor.shape[0]), photo.intrinsics, photo.size)
    relative = np.asarray(1 / (RELATIVE_SCALE / sensor + RELATIVE_SHIFT), dtype=np.float32)
    aligned = align_to_floor(layout, surfaces, relative).applied(relative)
    known = np.isfinite(sensor) & np.isfinite(aligned)
    closeness = _closeness(aligned[known].astype(np.float64), sensor[known].astype(np.float64))
    return LayoutFigures(photo.layout, "aligned", closeness, None, None)


def _on_photo(photo: MeasuredPhoto, sensor: Float32) -> Float32:
    """The sensor's depth at the photo's pixels; some centimetres between the two cameras are left out."""
    if photo.depth_intrinsics is None:
        return sensor
    height, width = sensor.shape
    rays = np.linalg.inv(photo.intrinsics)
    to_sensor = photo.depth_intrinsics @ rays
    columns = np.floor(to_sensor[0, 0] * (np.arange(width) + 0.5) + to_sensor[0, 2]).astype(np.int64)
    lines = np.floor(to_sensor[1, 1] * (np.arange(height) + 0.5) + to_sensor[1, 2]).astype(np.int64)
    seen = ((lines >= 0) & (lines < height))[:, None] & ((columns >= 0) & (columns < width))
    moved = sensor[np.clip(lines, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    return np.where(seen, moved, np.float32(np.nan))


def _figures(photo: str, way: str, depth: Float64, sensor: Float64, metric: bool) -> LayoutFigures:
    scaled = depth * np.median(sensor / depth)
    design = np.stack([1 / depth, np.ones_like(depth)], axis=1)
    inverse = design @ np.linalg.lstsq(design, 1 / sensor, rcond=None)[0]
    shifted = 1 / np.maximum(inverse, 1 / sensor.max())
    given = _closeness(depth, sensor) if metric else None
    return LayoutFigures(photo, way, given, _closeness(scaled, sensor), _closeness(shifted, sensor))


def _closeness(depth: Float64, sensor: Float64) -> Closeness:
    ratio = np.maximum(depth / sensor, sensor / depth)
    return Closeness(float(np.abs(depth / sensor - 1).mean()), float((ratio < 1.25).mean()))


def mean_figures(figures: list[LayoutFigures]) -> list[LayoutFigures]:
    """The mean over the photos for each way, named "mean"."""
    means = []
    for way in dict.fromkeys(found.way for found in figures):
        rows = [found for found in figures if found.way == way]
        mean = LayoutFigures(
            "mean",
            way,
            _mean([found.as_given for found in rows]),
            _mean([found.scaled for found in rows]),
            _mean([found.scaled_and_shifted for found in rows]),
        )
        means.append(mean)
    return means


def _mean(of: list[Closeness | None]) -> Closeness | None:
    known = [closeness for closeness in of if closeness is not None]
    if not known:
        return None
    return Closeness(float(np.mean([c.abs_rel for c in known])), float(np.mean([c.within for c in known])))
