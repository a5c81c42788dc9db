"""A plan for a headless Blender that makes a whole clip, and the reports it prints: both are files or lines of JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..depth.depth_format import DepthFormat
from .import_request import ImportSettings
from .shot import ShotSettings

REPORT_PREFIX = "realcam-report "
"""How lines of standard output begin that are reports; Blender prints others."""


class PlannedMove(msgspec.Struct, frozen=True, kw_only=True):
    """A named move of core/camera/moves.py, baked as keyframes between two scene frames.

    Attributes:
        name: the move's.
        first: scene frame where it begins.
        last: scene frame where it ends.
        values: the move's parameters by name.
        easing: how its speed changes.
    """

    name: str
    first: int
    last: int
    values: dict[str, float] = {}
    easing: Literal["linear", "ease", "ease_in", "ease_out"] = "ease"


class HeadlessPlan(ImportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a headless Blender is to do: import a photo with depth, make the clip, and save a .blend with the take
    beside it.

    The fields it inherits say how the photo is imported. Paths are absolute.

    Attributes:
        photo: path of the photo.
        depth: path of its depth.
        blend: path of the .blend that is saved.
        moves: each begins where the one before ended.
        depth_format: what the depth's numbers mean; None for a plan that says so by the next two.
        depth_scale: metres for each stored unit; None takes it by the file's kind.
        disparity: (focal px, baseline m, doffs px) when the depth file holds disparity.
        last_image: path of what the last frame shall show, for engines that interpolate; "" for none.
        pivot: metres to the subject; None measures the depth at the middle of the photo.
        render_size: (width, height) of the scene's render.
        clip_size: (width, height) of the clip.
    """

    photo: str
    depth: str
    blend: str
    preview_frames: str
    title: str
    settings: ShotSettings
    host: str
    control_port: int
    data_port: int
    moves: tuple[PlannedMove, ...]
    depth_format: DepthFormat | None = None
    depth_scale: float | None = None
    disparity: tuple[float, float, float] | None = None
    last_image: str = ""
    pivot: float | None = None
    render_size: tuple[int, int] = (1280, 800)
    clip_size: tuple[int, int] = (512, 320)
    clip_frames: int = 16
    frame_start: int = 1
    frame_end: int = 96
    scene_fps: int = 24


class HeadlessReport(msgspec.Struct, frozen=True, kw_only=True):
    """A line of progress: a stage under way, or one that has ended. One with `error` is the last.

    Attributes:
        stage: its name.
        step: steps done.
        steps: steps in all.
        seconds: how long the stage took; None while it goes on.
        error: why nothing more comes, "" for no error.
        take_folder: where the take is, once it is.
        coverage: [F] share of each frame that the photo sees.
        summary: sentences for the user.
    """

    stage: str
    step: int = 0
    steps: int = 0
    seconds: float | None = None
    error: str = ""
    take_folder: str = ""
    coverage: list[float] = []
    summary: str = ""


def report_line(report: HeadlessReport) -> str:
    """The report as one line of text."""
    return REPORT_PREFIX + msgspec.json.encode(report).decode()


def parse_report(line: str) -> HeadlessReport | None:
    """The report in a line; None when the line is no report."""
    if not line.startswith(REPORT_PREFIX):
        return None
    return msgspec.json.decode(line.removeprefix(REPORT_PREFIX), type=HeadlessReport)
