"""A whole shot as one file: what a process that starts a headless Blender asks of it, and what it hears back."""

from __future__ import annotations

from typing import Literal

import msgspec

from .import_request import ImportSettings
from .shot import ShotSettings

REPORT_PREFIX = "realcam-report "
"""Lines of standard output that begin so are reports; the rest is Blender's own talk."""


class PlannedMove(msgspec.Struct, frozen=True, kw_only=True):
    """One named move of core/moves.py, baked as keyframes between two scene frames."""

    name: str
    first: int
    last: int
    values: dict[str, float] = {}
    easing: Literal["linear", "ease", "ease_in", "ease_out"] = "ease"


class HeadlessPlan(ImportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Photo and depth in, `blend` and a take beside it out. How they are imported is said by the fields it inherits.

    Paths are absolute.
    depth_scale: metres for each stored unit, None by the file's kind. disparity: (focal px, baseline m, doffs px) when
    the file holds disparity. moves follow each other, each beginning where the one before ended.
    last_image: the file of what the last frame shall show, for engines that interpolate; "" for none.
    pivot: metres to the subject; None measures the depth at the middle of the photo.
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
    """One line: a stage under way (step of steps), or with `seconds` one that has ended. `error` ends everything."""

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
    """The report of a line, None when the line is something else."""
    if not line.startswith(REPORT_PREFIX):
        return None
    return msgspec.json.decode(line.removeprefix(REPORT_PREFIX), type=HeadlessReport)
