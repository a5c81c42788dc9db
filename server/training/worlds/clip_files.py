"""A rendered clip on disk: a folder that `open_posed_clip` reads, and the record that an alignment would make."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32, UInt8
from blender_addon.core.camera.formats.dispatch import write_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.held_files import PATIENCE, discard, rename_path
from server.datasets.align import AlignRecord, in_metres

FRAMES, DEPTH, POSES, CAPTION, FACTS = "frames", "depth", "poses.txt", "caption.txt", "clip.json"
"""Names inside a clip's folder; the facts are written last."""
FARTHEST = 65.0
"""Metres: what is farther is stored as unknown, 0, as the sky is. 16 bits of millimetres reach 65.535."""


class ClipFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What made a clip, as clip.json.

    Attributes:
        wad: file name of the WAD.
        map: name of the map in it.
        split: train, validation or test.
        index: of the clip in its split; with the set's seed it decides everything random.
        kind: of the move.
        speed: metres a frame, mean over the clip.
        turn: degrees a frame, mean over the clip.
        field_of_view: degrees across.
        pivot: metres to what is in the middle of the first frame.
        exposure: factor on the map's light.
        world: camera-to-world [4, 4] of frame 0 in the map, metres: x east, y down, z north.
    """

    wad: str
    map: str
    split: str
    index: int
    kind: str
    speed: float
    turn: float
    field_of_view: float
    pivot: float
    exposure: float
    world: list[list[float]]


def write_clip(
    folder: Path, frames: UInt8, trajectory: Trajectory, depth: dict[int, Float32], caption: str, facts: ClipFacts
) -> None:
    """Write a clip; its folder appears complete or not at all.

    Args:
        folder: of the clip; what is left of it there, and what a killed run left beside it, is replaced.
        frames: [F, H, W, 3] uint8.
        trajectory: [F] cameras in metres; stored relative to the first.
        depth: frame -> [H, W] metres, infinite for the sky.
        caption: a sentence.
        facts: on how it was made.
    """
    part = folder.with_name(f".{folder.name}.part")
    discard(part)
    (part / FRAMES).mkdir(parents=True)
    for number, frame in enumerate(frames):
        (part / FRAMES / _picture(number)).write_bytes(_png(Image.fromarray(frame)))
    if depth:
        (part / DEPTH).mkdir()
    for number, metres in depth.items():
        millimetres = np.where(metres < FARTHEST, np.rint(metres * 1000), 0).astype(np.uint16)
        (part / DEPTH / _picture(number)).write_bytes(_png(Image.fromarray(millimetres)))
    write_trajectory(part / POSES, in_metres(trajectory, 1.0), "realestate10k")
    (part / CAPTION).write_text(caption + "\n", encoding="utf-8")
    (part / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1))
    discard(folder, PATIENCE)
    rename_path(part, folder)


def is_whole(folder: Path, frames: int, depth: int) -> bool:
    """Whether a clip has all its files, none of them empty.

    Args:
        folder: of the clip.
        frames: how many it has.
        depth: how many of them, from the first on, have their depth.
    """
    wanted = {
        folder: {POSES, CAPTION, FACTS},
        folder / FRAMES: {_picture(number) for number in range(frames)},
        folder / DEPTH: {_picture(number) for number in range(depth)},
    }
    return all(names <= _filled(place) for place, names in wanted.items())


def record_of(name: str, trajectory: Trajectory, fingerprint: str) -> AlignRecord:
    """The record of a clip whose poses are metres because they were made so: scale 1 in every frame, from no points.

    Args:
        name: of its folder.
        trajectory: its cameras.
        fingerprint: of the set.
    """
    return AlignRecord(
        clip=name,
        fingerprint=fingerprint,
        frames=len(trajectory),
        scale=1.0,
        spread=0.0,
        votes=0,
        inliers=0,
        refusal="",
        frame_scales=[1.0] * len(trajectory),
        smallest=1.0,
        largest=1.0,
        reprojection_error=None,
        camera_to_world=in_metres(trajectory, 1.0).camera_to_world.tolist(),
        intrinsics=trajectory.intrinsics.tolist(),
        notes=("Rendered: its poses are exact and in metres.",),
    )


def _picture(number: int) -> str:
    return f"{number:04d}.png"


def _filled(folder: Path) -> set[str]:
    """Names of the files in a folder that are not empty; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file() and entry.stat().st_size}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
