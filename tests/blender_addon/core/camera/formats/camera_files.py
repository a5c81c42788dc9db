"""One camera move in every format that is read, written as the programs write it and without the product's own code."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.rotation import axis_rotation, quaternion_from_rotation
from blender_addon.core.camera.trajectory import inverse

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Move:
    """Cameras that turn and go to the right, and what a file may say of them.

    Attributes:
        poses: [F, 4, 4] camera-to-world, OpenCV axes.
        focal: [F] pixels at `sizes`.
        names: [F] of the pictures.
        sizes: [F] (width, height) of each picture.
        stamps: [F] for formats with times.
        model: the lens model, by COLMAP's name.
    """

    poses: Float64
    focal: tuple[float, ...]
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    stamps: tuple[float, ...]
    model: str = "PINHOLE"

    def listed(self, order: Sequence[int]) -> Move:
        """The same move with its frames in another order."""
        pick = [[values[index] for index in order] for values in (self.focal, self.names, self.sizes, self.stamps)]
        return Move(self.poses[list(order)], *map(tuple, pick), self.model)  # type: ignore[arg-type]


def move(count: int = 12) -> Move:
    """frame_1.png to frame_12.png of 640 x 360 with a focal length of 500 px, 25 a second."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = axis_rotation("Y", np.linspace(0, 0.3, count))
    poses[:, 0, 3] = np.linspace(0, 1, count)
    names = tuple(f"frame_{index + 1}.png" for index in range(count))
    return Move(poses, (500.0,) * count, names, ((WIDTH, HEIGHT),) * count, tuple(np.arange(count) / 25))


def realestate10k(folder: Path, it: Move) -> Path:
    rows = []
    for stamp, focal, (w, h), pose in zip(it.stamps, it.focal, it.sizes, inverse(it.poses), strict=True):
        rows.append(_row(round(stamp * 1e6), focal / w, focal / h, 0.5, 0.5, 0, 0, *pose[:3].ravel()))
    return _text(folder / "poses.txt", "https://example.org/clip\n" + "".join(rows))


def tum(folder: Path, it: Move) -> Path:
    quaternions = quaternion_from_rotation(it.poses[:, :3, :3])[:, [1, 2, 3, 0]]
    rows = zip(it.stamps, it.poses[:, :3, 3], quaternions, strict=True)
    return _text(folder / "poses.tum", "".join(_row(stamp, *centre, *turn) for stamp, centre, turn in rows))


def colmap(folder: Path, it: Move) -> Path:
    cameras, images = [], []
    quaternions = quaternion_from_rotation(inverse(it.poses)[:, :3, :3])
    rows = zip(it.names, it.focal, it.sizes, quaternions, inverse(it.poses)[:, :3, 3], strict=True)
    for key, (name, focal, (w, h), turn, way) in enumerate(rows, start=1):
        cameras.append(_row(key, it.model, w, h, focal, focal, w / 2, h / 2))
        images.append(_row(key, *turn, *way, key, name) + "\n")
    _text(folder / "cameras.txt", "".join(cameras))
    _text(folder / "images.txt", "".join(images))
    return folder


def colmap_binary(folder: Path, it: Move) -> Path:
    models = {"PINHOLE": (1, 4), "OPENCV_FISHEYE": (5, 8), "EUCM": (16, 6), "EQUIRECTANGULAR": (17, 2)}
    number, parameters = models.get(it.model, (99, 4))
    count = struct.pack("<Q", len(it.names))
    cameras, images = [count], [count]
    quaternions = quaternion_from_rotation(inverse(it.poses)[:, :3, :3])
    rows = zip(it.names, it.focal, it.sizes, quaternions, inverse(it.poses)[:, :3, 3], strict=True)
    for key, (name, focal, (w, h), turn, way) in enumerate(rows, start=1):
        values = [focal, focal, w / 2, h / 2, *[0.0] * 4][:parameters]
        cameras.append(struct.pack(f"<iiQQ{parameters}d", key, number, w, h, *values))
        images.append(struct.pack("<I7dI", key, *turn, *way, key) + name.encode() + b"\0" + struct.pack("<Q", 0))
    (folder / "cameras.bin").write_bytes(b"".join(cameras))
    (folder / "images.bin").write_bytes(b"".join(images))
    return folder


def transforms(folder: Path, it: Move) -> Path:
    frames = [
        {"file_path": name, "w": w, "h": h, "fl_x": focal, "fl_y": focal, "transform_matrix": (pose @ OPENGL).tolist()}
        for name, focal, (w, h), pose in zip(it.names, it.focal, it.sizes, it.poses, strict=True)
    ]
    return _json(folder / "transforms.json", {"camera_model": it.model, "frames": frames})


def nerfstudio_path(folder: Path, it: Move) -> Path:
    w, h = it.sizes[0]
    cameras = [
        {
            "camera_to_world": (pose @ OPENGL).ravel().tolist(),
            "fov": float(np.degrees(2 * np.arctan(h / 2 / focal))),
            "aspect": w / h,
        }
        for pose, focal in zip(it.poses, it.focal, strict=True)
    ]
    kind = {"PINHOLE": "perspective"}.get(it.model, it.model.lower())
    document = {"camera_type": kind, "render_width": w, "render_height": h, "camera_path": cameras, "fps": 25}
    return _json(folder / "camera_path.json", document)


def nerfstudio_export(folder: Path, it: Move) -> Path:
    rows = zip(it.names, it.poses, strict=True)
    frames = [{"file_path": name, "transform": (pose @ OPENGL)[:3].tolist()} for name, pose in rows]
    return _json(folder / "transforms_train.json", frames)


def chan(folder: Path, it: Move) -> Path:
    # Nuke's world is ours with y up: turning about y and going along x are turned and gone the same way.
    angles = np.degrees(np.arctan2(it.poses[:, 0, 2], it.poses[:, 2, 2]))
    rows = []
    for number, (pose, angle, focal, (_, h)) in enumerate(zip(it.poses, angles, it.focal, it.sizes, strict=True), 1):
        rows.append(_row(number, pose[0, 3], 0, 0, 0, -angle, 0, np.degrees(2 * np.arctan(h / 2 / focal))))
    return _text(folder / "camera.chan", "".join(rows))


def bundler(folder: Path, it: Move) -> Path:
    rows = ["# Bundle file v0.3\n", _row(len(it.focal), 0)]
    for focal, pose in zip(it.focal, inverse(it.poses @ OPENGL), strict=True):
        rows.append(_row(focal, 0, 0) + "".join(_row(*row) for row in pose[:3, :3]) + _row(*pose[:3, 3]))
    return _text(folder / "bundle.out", "".join(rows))


def fspy(folder: Path, it: Move) -> Path:
    w, h = it.sizes[0]
    document = {
        "imageWidth": w,
        "imageHeight": h,
        "relativeFocalLength": it.focal[0] / (w / 2),
        "principalPoint": {"x": 0, "y": 0},
        "cameraTransform": {"rows": (it.poses[0] @ OPENGL).tolist()},
    }
    return _json(folder / "fspy.json", document)


def motionctrl(folder: Path, it: Move) -> Path:
    return _json(folder / "clip.json", inverse(it.poses)[:, :3].reshape(-1, 12).tolist())


def ac3d(folder: Path, it: Move) -> Path:
    w, h = it.sizes[0]
    lenses = [[[focal, 0, w / 2], [0, focal, h / 2], [0, 0, 1]] for focal in it.focal]
    document = {"imH": h, "imW": w, "intrinsics": lenses, "w2c": inverse(it.poses)[:, :3].tolist()}
    return _json(folder / "clip.camera_info.json", document)


def realcam_vid(folder: Path, it: Move) -> Path:
    """In a unit of which 0.25 make a metre."""
    poses = it.poses.copy()
    poses[:, :3, 3] *= 4
    lenses = [[focal / w, focal / h, 0.5, 0.5] for focal, (w, h) in zip(it.focal, it.sizes, strict=True)]
    path = folder / "clip.npz"
    np.savez(path, camera_intrinsics=lenses, camera_extrinsics=inverse(poses), align_factor=0.25)
    return path


Written = Callable[[Path, Move], Path]
FILES: dict[str, tuple[Written, ...]] = {
    "realestate10k": (realestate10k,),
    "colmap": (colmap,),
    "colmap-binary": (colmap_binary,),
    "tum": (tum,),
    "transforms": (transforms,),
    "nerfstudio-path": (nerfstudio_path,),
    "nerfstudio-export": (nerfstudio_export,),
    "chan": (chan,),
    "bundler": (bundler,),
    "fspy": (fspy,),
    "motionctrl": (motionctrl,),
    "camera-info": (ac3d, realcam_vid),
}
"""Who writes a move as a file of each format."""


def _row(*values: object) -> str:
    return " ".join(f"{value:.17g}" if isinstance(value, float) else str(value) for value in values) + "\n"


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _json(path: Path, document: object) -> Path:
    return _text(path, json.dumps(document))
