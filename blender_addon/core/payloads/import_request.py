"""The settings of a photo's import: one declaration for Blender's panel, a job record, a headless plan and the
terminal.

Each place shows or stores the fields in its own way (a property, an option, JSON) and takes names, descriptions,
defaults and limits from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from ..arrays import Float64
from ..camera.focal_length import PhotoLens, photo_lens
from ..depth.depth_format import DepthFormat
from ..depth.depth_mesh import DEPTH_EDGE, MAX_VERTICES
from ..depth.stored_lens import stored_lens
from ..setting_fields import SettingField, setting_fields
from .depth_request import DepthResult


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a photo with its depth becomes a scene. Titles and descriptions of the fields are shown to the user.

    `intrinsics` are given row by row, in pixels of the photo.
    """

    focal_mm: Annotated[
        float | None,
        Meta(
            title="Focal Length",
            description="Of the photo, as its 35 mm equivalent. Goes before the photo's EXIF",
        ),
    ] = None
    intrinsics: Annotated[
        list[list[float]] | None,
        Meta(
            title="Calibration",
            description="Focal lengths and principal point (fx, fy, cx, cy) in pixels of the photo, of a calibrated "
            "camera. Goes before EXIF and the focal length",
        ),
    ] = None
    depth_edge: Annotated[
        float,
        Meta(
            title="Depth Edge",
            description="The mesh is cut where the depth of two neighbouring pixels differs by more than this share of "
            "it. Smaller cuts more; larger stretches surfaces across edges",
            ge=0.001,
            le=1.0,
        ),
    ] = DEPTH_EDGE
    max_vertices: Annotated[
        int,
        Meta(
            title="Most Vertices",
            description="The mesh takes every n-th pixel so that it stays below this",
            ge=1000,
        ),
    ] = MAX_VERTICES
    to_photo: Annotated[
        bool,
        Meta(
            title="Fit to the Photo",
            description="Depth much coarser than the photo (a phone's LiDAR) is brought to its size, edges where the "
            "photo has them",
        ),
    ] = True
    # The name that it has in plans of version 0.1.
    trust_scale: Annotated[
        bool,
        Meta(
            title="Trust the Unit",
            description="Import even when the depth does not look like metres",
        ),
    ] = msgspec.field(default=False, name="trust_unit")
    add_camera: Annotated[
        bool,
        Meta(
            title="Add a Camera",
            description="A camera of your own where the photo was taken from, made the scene's camera",
        ),
    ] = True

    @property
    def typed_intrinsics(self) -> Float64 | None:
        """The typed intrinsics [3, 3], in pixels of the photo; None when none were typed."""
        return None if self.intrinsics is None else np.array(self.intrinsics, dtype=np.float64)

    def lens(
        self, size: tuple[int, int], exif_mm: float | None, depth: tuple[Path, tuple[int, int]] | None = None
    ) -> PhotoLens:
        """The lens of a photo.

        Args:
            size: (width, height) of the photo in pixels.
            exif_mm: 35 mm equivalent that its EXIF gives, None for none.
            depth: file of its depth, which may store the lens, and (width, height) of that depth; None for no file.

        Raises:
            PhotoError: as photo_lens raises.
            CameraError: as photo_lens raises.
        """
        calibrated = self.typed_intrinsics
        typed = calibrated is not None or self.focal_mm is not None
        stored = None if typed or depth is None else stored_lens(depth[0], size, depth[1])
        return photo_lens(size, intrinsics=calibrated, focal_mm=self.focal_mm, stored=stored, exif_mm=exif_mm)


@dataclass(frozen=True)
class DepthFile:
    """A file with a photo's depth, and what its numbers mean."""

    path: Path
    format: DepthFormat = field(default_factory=DepthFormat)


@dataclass(frozen=True, eq=False)
class ImportRequest:
    """What an import is made from.

    Attributes:
        photo: the photo's file.
        depth: its depth, in a file or as a server estimated it.
        settings: how the scene is built.
    """

    photo: Path
    depth: DepthFile | DepthResult
    settings: ImportSettings = field(default_factory=ImportSettings)


SETTING_FIELDS: dict[str, SettingField] = setting_fields(ImportSettings)
"""The fields by name, in the order of their declaration."""
