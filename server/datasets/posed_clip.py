"""A clip with known cameras, and its metric depth where it has one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.formats.frame_order import one_spelling
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.depth_mesh import known_depth
from blender_addon.core.errors import CameraError
from blender_addon.core.printable import printable
from server.depth.photo_files import read_depth
from server.reconstruction.scale import DepthMap

from .clip_frames import ClipError, picture_files, read_picture, visible

CAMERA_FILES = ("transforms.json", "poses.txt", "trajectory.txt", "sparse/0", "sparse")
"""Where a clip's folder may hold its cameras, in the order in which they are tried."""
MILLIMETRES = DepthFormat(scale=0.001)

NO_READING = 65535
"""The value, besides 0, that several depth cameras write into 16 bits for "no reading"."""

KINECT_COLOUR_FOCAL = 525.0
"""Pixels at 640 wide: the nominal value of the Kinect's colour camera, which 7-Scenes does not give."""


@dataclass(frozen=True, eq=False)
class PosedClip:
    """F frames with cameras in their own world and unit.

    Attributes:
        name: of the clip's folder.
        files: [F] pictures in one folder.
        trajectory: [F] their cameras.
        depth_files: [F] metric depth, None where a frame has none.
        depth_format: what the numbers in those files mean.
        depth_intrinsics: [3, 3] in pixels of the depth map; None when depth covers the picture exactly.
        notes: sentences on what was odd or assumed.
    """

    name: str
    files: tuple[Path, ...]
    trajectory: Trajectory
    depth_files: tuple[Path | None, ...]
    depth_format: DepthFormat
    depth_intrinsics: Float64 | None
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of the frames."""
        return self.files[0].parent

    def depth(self, frame: int) -> DepthMap | None:
        """The metric depth of a frame, None where there is none.

        Raises:
            PhotoError: the depth file cannot be read.
        """
        file = self.depth_files[frame]
        if file is None:
            return None
        depth = read_depth(file, msgspec.structs.replace(self.depth_format, unknown=NO_READING), trust_unit=True)
        return DepthMap(known_depth(depth), self.depth_intrinsics)


def open_posed_clip(
    clip: Path,
    cameras: Path | None = None,
    depth: Path | None = None,
    depth_format: DepthFormat = MILLIMETRES,
) -> PosedClip:
    """Open a folder of frames with their cameras and, where given, their depth.

    Args:
        clip: the folder; in the layout of 7-Scenes the other arguments are ignored.
        cameras: the camera file; None to look for CAMERA_FILES inside the folder.
        depth: folder of depth maps with the frames' stems; None for no depth.
        depth_format: what the numbers in the depth maps mean.

    Raises:
        ClipError: there are no frames, or they cannot be read.
        CameraError: there is no camera file, it cannot be read, or it does not fit the frames.
    """
    if not clip.is_dir():
        raise ClipError("There is no such clip", f"{clip} is not a folder", "Unpack a video into pictures first.")
    if visible(clip.glob("*.pose.txt")):
        return _open_seven_scenes(clip)
    camera_file, note = (cameras, "") if cameras else _camera_file(clip)
    files = picture_files(clip)
    height, width = read_picture(files[0]).shape[:2]
    read = read_trajectory(camera_file, width, height).with_notes(note)
    trajectory = read.trajectory
    if read.names:
        files, trajectory = _by_name(files, read.names, trajectory)
    elif len(files) != len(trajectory):
        raise CameraError("The poses do not fit the frames", f"{len(trajectory)} poses, {len(files)} frames in {clip}")
    return PosedClip(
        printable(clip.resolve().name),
        files,
        trajectory,
        tuple(_depth_of(file, depth) for file in files),
        depth_format,
        None,
        read.notes,
    )


def _open_seven_scenes(clip: Path) -> PosedClip:
    """Open the layout of 7-Scenes.

    Files are frame-*.color.*, frame-*.depth.png (millimetres, own camera) and frame-*.pose.txt (4x4 camera-to-world,
    metres).
    """
    poses = sorted(visible(clip.glob("*.pose.txt")))
    stems = [pose.name.removesuffix(".pose.txt") for pose in poses]
    files = tuple(next(iter(sorted(clip.glob(f"{stem}.color.*"))), clip / f"{stem}.color.png") for stem in stems)
    height, width = read_picture(files[0]).shape[:2]
    focal = KINECT_COLOUR_FOCAL * width / 640
    colour = intrinsics_matrix(focal, focal, width / 2, height / 2)
    depth_camera = clip / "camera-intrinsics.txt"
    depths = [clip / f"{stem}.depth.png" for stem in stems]
    return PosedClip(
        name=printable(clip.resolve().name),
        files=files,
        trajectory=Trajectory(np.stack([np.loadtxt(pose) for pose in poses]), colour, width, height),
        depth_files=tuple(depth if depth.is_file() else None for depth in depths),
        depth_format=MILLIMETRES,
        depth_intrinsics=np.loadtxt(depth_camera) if depth_camera.is_file() else None,
        notes=(f"The colour camera's focal length is not given: {focal:.0f} px, a Kinect's, is assumed.",),
    )


def _camera_file(clip: Path) -> tuple[Path, str]:
    """The first of CAMERA_FILES that the folder holds, and a note where it holds others, else ""."""
    there = [name for name in CAMERA_FILES if (clip / name).exists()]
    others = [name for name in there[1:] if not name.startswith(there[0]) and not there[0].startswith(name)]
    if there:
        note = f"The cameras are those of {there[0]}, not of {', '.join(others)}." if others else ""
        return clip / there[0], note
    raise CameraError(
        "The clip has no camera file",
        f"none of {', '.join(CAMERA_FILES)} in {clip}",
        "Say which file holds the cameras.",
    )


def _by_name(
    files: tuple[Path, ...], names: tuple[str, ...], trajectory: Trajectory
) -> tuple[tuple[Path, ...], Trajectory]:
    """The files that the camera file names and that exist, and their cameras.

    A name may be a path, and may lack the ending or have another one.
    """
    by_name = {one_spelling(file.stem): file for file in files} | {one_spelling(file.name): file for file in files}
    places = [PurePosixPath(one_spelling(name)) for name in names]
    named = [by_name.get(place.name) or by_name.get(place.stem) for place in places]
    known = [i for i, file in enumerate(named) if file is not None]
    if not known:
        raise CameraError("The camera file names none of the clip's frames", f"it names {names[0]}, ...")
    chosen_files = [file for file in named if file is not None]
    twice = [file for file, count in Counter(chosen_files).items() if count > 1]
    if twice:
        both = ", ".join(name for name, file in zip(names, named, strict=True) if file == twice[0])
        raise CameraError(
            "The camera file names a picture twice", f"{twice[0].name} is {both}", "Keep the cameras of one folder."
        )
    chosen = replace(
        trajectory, camera_to_world=trajectory.camera_to_world[known], intrinsics=trajectory.intrinsics[known]
    )
    return tuple(chosen_files), chosen


def _depth_of(file: Path, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    candidates = (folder / f"{file.stem}{ending}" for ending in (".png", ".npy", ".npz", ".tif", ".tiff"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
