"""What the numbers of a depth file mean: one declaration for Blender's panel, a plan, a record and the terminal.

Each place shows or stores the fields in its own way and takes names, descriptions and choices from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..setting_fields import SettingField, setting_fields

Kind = Literal["depth", "disparity", "relative"]
Near = Literal["bright", "dark"]


class DepthFormat(msgspec.Struct, frozen=True):
    """What a depth file's numbers mean. Titles and descriptions of the fields are shown to the user.

    Depth from disparity is focal * baseline / (disparity + doffs). Relative depth: see core.depth.depth_numbers.
    A kind "depth" without a scale is a guess, which depth_question.py may doubt.
    """

    kind: Annotated[Kind, Meta(title="Holds", description="What the file's numbers mean")] = "depth"
    scale: Annotated[
        float | None,
        Meta(
            title="Metres a Unit",
            description="Metres in one unit of the file (for disparity: pixels)",
        ),
    ] = None
    focal: Annotated[
        float,
        Meta(title="Focal Length", description="Of the stereo camera, in pixels of the disparity map"),
    ] = 0.0
    baseline: Annotated[
        float,
        Meta(title="Baseline", description="Distance between the two cameras of the stereo pair"),
    ] = 0.0
    doffs: Annotated[
        float,
        Meta(
            title="Offset",
            description="Added to every disparity, in pixels: the difference of the two principal points (doffs)",
        ),
    ] = 0.0
    unknown: Annotated[
        float | None,
        Meta(
            title="No Depth",
            description="A stored value that means no depth, besides NaN, infinities, and 0 in files of whole numbers",
        ),
    ] = None
    channel: Annotated[
        str,
        Meta(
            title="Channel",
            description="Name of the depth among an NPZ's arrays or an EXR's channels. Empty: found by itself",
        ),
    ] = ""
    near: Annotated[
        Near,
        Meta(title="Near Is", description="Which end of a relative depth picture is near to the camera"),
    ] = "bright"
    nearest: Annotated[
        float,
        Meta(title="Nearest", description="Distance of the nearest thing in the photo in metres, for relative depth"),
    ] = 0.0
    farthest: Annotated[
        float,
        Meta(title="Farthest", description="Distance of the farthest thing in the photo in metres, for relative depth"),
    ] = 0.0
    rotated: Annotated[
        int,
        Meta(
            title="Rotated Bits",
            description="By how many bits 16-bit numbers were rotated to the left before they were stored (SUN3D: 3)",
        ),
    ] = 0

    @classmethod
    def of(cls, scale: float | None, disparity: tuple[float, float, float] | None = None) -> DepthFormat:
        """The format of depth with this scale, or of disparity: (focal px, baseline m, doffs px)."""
        if disparity is None:
            return cls(scale=scale)
        return cls("disparity", scale, *disparity)


DEPTH_FIELDS: dict[str, SettingField] = setting_fields(DepthFormat)
"""The fields by name."""

DEPTH_KINDS: tuple[tuple[Kind, str, str], ...] = (
    ("depth", "Depth", "Distance along the viewing axis"),
    ("disparity", "Disparity", "Shift in pixels between the two pictures of a stereo pair"),
    ("relative", "Relative Depth", "Only what is nearer and what is farther, without a unit: most depth pictures"),
)
"""(kind, title, description)."""

NEAR_ENDS: tuple[tuple[Near, str, str], ...] = (
    ("bright", "Bright", "What is near is bright, or at the warm end of a colour scale (red, yellow)"),
    ("dark", "Dark", "What is near is dark, or at the cold end of a colour scale (blue)"),
)
"""(near, title, description)."""


@dataclass(frozen=True)
class DepthUnit:
    """A unit in which depth is commonly stored.

    Attributes:
        name: on the command line and in files.
        title: its label.
        description: its tooltip.
        scale: metres in one stored unit.
        rotated: see DepthFormat.
    """

    name: str
    title: str
    description: str
    scale: float
    rotated: int = 0

    @property
    def format(self) -> DepthFormat:
        """The format of depth in this unit."""
        return DepthFormat(scale=self.scale, rotated=self.rotated)


DEPTH_UNITS: dict[str, DepthUnit] = {
    unit.name: unit
    for unit in (
        DepthUnit("mm", "Millimetres", "What most sensors and tools write as whole numbers", 0.001),
        DepthUnit("m", "Metres", "What most tools write as numbers with a fraction", 1.0),
        DepthUnit("cm", "Centimetres", "100 to the metre", 0.01),
        DepthUnit("tum", "1/5000 m (TUM)", "5000 to the metre, as the TUM RGB-D data sets have it", 1 / 5000),
        DepthUnit("kitti", "1/256 m (KITTI)", "256 to the metre, as the KITTI data sets have it", 1 / 256),
        DepthUnit("sun3d", "Rotated (SUN3D)", "Millimetres whose bits are rotated by 3, as SUN3D has it", 0.001, 3),
    )
}
"""Units by name."""
