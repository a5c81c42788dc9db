"""What an import of a photo asks for: the same fields in the operator and in the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, StringProperty

from ...core.camera.projection import intrinsics_matrix
from ...core.depth.depth_file import DEPTH_SUFFIXES
from ...core.depth.depth_mesh import DEPTH_EDGE, MAX_VERTICES
from ...core.errors import PhotoError
from ...scene import DepthFormat, PhotoImport

DEPTH_NAMES = ("{}_depth", "{}-depth", "{}.depth", "depth_{}", "{}_disparity", "{}_disp", "{}")
"""How depth beside a photo is commonly called."""


_OF_THIS_PHOTO = {"SKIP_SAVE"}
"""An import by the menu or a drop begins without what was said of the photo before it; what says how to build a mesh
(its size, its cuts, the camera) is remembered."""


class PhotoImportFields:
    """Mixed into an operator and a property group."""

    depth_path: StringProperty(
        name="Depth",
        description="The photo's depth: 16-bit PNG or TIFF, EXR, NPY or NPZ. Found by itself when it lies beside the "
        "photo and is called like it",
        subtype="FILE_PATH",
        options=_OF_THIS_PHOTO,
    )
    depth_channel: StringProperty(
        name="Channel",
        description="Name of the depth among the arrays of an NPZ or the channels of an EXR. Empty: found by itself",
        options=_OF_THIS_PHOTO,
    )
    depth_kind: EnumProperty(
        name="Holds",
        description="What the file's numbers mean",
        items=(
            ("depth", "Depth", "Distance along the viewing axis"),
            ("disparity", "Disparity", "Shift in pixels between the two pictures of a stereo pair"),
        ),
        default="depth",
        options=_OF_THIS_PHOTO,
    )
    depth_scale: FloatProperty(
        name="Unit",
        description="Metres in one unit of the file (for disparity: pixels). 0.001 is millimetres. "
        "0: millimetres for whole numbers, else metres",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        precision=6,
        options=_OF_THIS_PHOTO,
    )
    disparity_focal: FloatProperty(
        name="Focal Length",
        description="Of the stereo camera, in pixels of the disparity map",
        default=1000.0,
        min=1.0,
        precision=3,
        options=_OF_THIS_PHOTO,
    )
    disparity_baseline: FloatProperty(
        name="Baseline",
        description="Distance between the two cameras",
        subtype="DISTANCE",
        unit="LENGTH",
        default=0.1,
        min=1e-4,
        precision=6,
        options=_OF_THIS_PHOTO,
    )
    disparity_offset: FloatProperty(
        name="Offset",
        description="Added to every disparity, in pixels: the difference of the two principal points (doffs)",
        default=0.0,
        precision=3,
        options=_OF_THIS_PHOTO,
    )
    focal_mm: FloatProperty(
        name="Focal Length",
        description="35 mm equivalent. Goes before the photo's EXIF. 0: from the photo, or 55° across where it tells "
        "none",
        default=0.0,
        min=0.0,
        soft_max=300.0,
        unit="CAMERA",
        options=_OF_THIS_PHOTO,
    )
    calibration: FloatVectorProperty(
        name="Calibration",
        description="Focal lengths and principal point (fx, fy, cx, cy) in pixels of the photo, of a calibrated "
        "camera. Goes before EXIF and the focal length; zeros: none",
        size=4,
        min=0.0,
        precision=3,
        options=_OF_THIS_PHOTO,
    )
    trust_scale: BoolProperty(
        name="Trust the Unit",
        description="Import even when the depth does not look like metres",
        default=False,
        options=_OF_THIS_PHOTO,
    )
    to_photo: BoolProperty(
        name="Depth to the Photo's Size",
        description="Depth much coarser than the photo (a phone's LiDAR) is brought to its size, edges where the photo "
        "has them",
        default=True,
    )
    max_vertices: IntProperty(
        name="Most Vertices",
        description="The mesh takes every n-th pixel so that it stays below this",
        default=MAX_VERTICES,
        min=1000,
        soft_max=4_000_000,
    )
    depth_edge: FloatProperty(
        name="Depth Edge",
        description="Cut the mesh where neighbouring depths differ by more than this share. Can be changed later",
        subtype="FACTOR",
        default=DEPTH_EDGE,
        min=0.001,
        max=1.0,
        soft_max=0.3,
        precision=3,
    )
    add_camera: BoolProperty(
        name="Add a Camera to Animate",
        description="A camera of your own where the photo was taken from, made the scene's camera",
        default=True,
    )


FIELDS = tuple(PhotoImportFields.__annotations__)
HOW_TO_BUILD = ("to_photo", "max_vertices", "depth_edge", "add_camera")
OF_ONE_PHOTO = tuple(name for name in FIELDS if name not in HOW_TO_BUILD)
"""What says nothing about another photo."""


def draw_fields(layout: Any, fields: Any) -> None:
    """All but the two paths."""
    column = layout.column()
    column.prop(fields, "depth_channel")
    column.prop(fields, "depth_kind")
    column.prop(fields, "depth_scale")
    if fields.depth_kind == "disparity":
        column.prop(fields, "disparity_focal")
        column.prop(fields, "disparity_baseline")
        column.prop(fields, "disparity_offset")
    column = layout.column()
    column.prop(fields, "focal_mm")
    column.prop(fields, "calibration")
    column = layout.column()
    column.prop(fields, "depth_edge")
    column.prop(fields, "max_vertices")
    column.prop(fields, "to_photo")
    column.prop(fields, "trust_scale")
    column.prop(fields, "add_camera")


def photo_import(photo: str, fields: Any) -> PhotoImport:
    """The request in the scene's terms; depth that is not named is looked for beside the photo.

    Raises PhotoError when there is no photo, or no depth.
    """
    path = Path(bpy.path.abspath(photo))
    named = fields.depth_path.strip()
    depth = Path(bpy.path.abspath(named)) if named else depth_beside(path)
    if depth is None and not path.is_file():
        raise PhotoError("There is no such photo", str(path))
    if depth is None:
        raise PhotoError(f"No depth was found beside {path.name}; choose its depth file")
    fx, fy, cx, cy = fields.calibration
    return PhotoImport(
        photo=path,
        depth=depth,
        depth_format=DepthFormat(
            kind=fields.depth_kind,
            scale=fields.depth_scale or None,
            focal=fields.disparity_focal,
            baseline=fields.disparity_baseline,
            doffs=fields.disparity_offset,
            channel=fields.depth_channel.strip(),
        ),
        focal_mm=fields.focal_mm or None,
        intrinsics=np.asarray(intrinsics_matrix(fx, fy, cx, cy)) if fx and fy else None,
        depth_edge=fields.depth_edge,
        max_vertices=fields.max_vertices,
        trust_scale=fields.trust_scale,
        to_photo=fields.to_photo,
    )


def depth_beside(photo: Path) -> Path | None:
    """The photo's depth when it lies beside it under a common name."""
    for name in DEPTH_NAMES:
        for suffix in DEPTH_SUFFIXES:
            path = photo.with_name(name.format(photo.stem) + suffix)
            if path != photo and path.is_file():
                return path
    return None
