"""COLMAP's cameras and images, from the text or the binary files, to and from a Trajectory.

World-to-camera (quaternion w x y z and translation), OpenCV axes, the unit of the reconstruction. The centre of the
top-left pixel is (0.5, 0.5), as here. A Trajectory has one size and no distortion: other sizes of the same aspect are
scaled to the first picture's, distortion is left out and noted, a fisheye is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....arrays import Float64
from ....errors import CameraError
from ...projection import intrinsics_matrix
from ...rotation import quaternion_from_rotation, rotation_from_quaternion
from ...trajectory import Trajectory, inverse
from ..camera_file import CameraFile, Known, normalised_quaternions, pose_matrices
from ..frame_order import natural_order, picture_name
from ..lens_models import check_pinhole, intrinsics_of_one_size
from ..pose_convention import inverted_pose_note

NAME = "colmap"

MODELS = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    ("SIMPLE_DIVISION", 4),
    ("DIVISION", 5),
    ("SIMPLE_FISHEYE", 3),
    ("FISHEYE", 4),
    ("EUCM", 6),
    ("EQUIRECTANGULAR", 2),
)
"""(name, number of parameters) by COLMAP's model id."""

SINGLE_FOCAL = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
"""Models whose first parameters are f, cx, cy; the others begin with fx, fy, cx, cy."""


@dataclass(frozen=True)
class Camera:
    """One COLMAP camera.

    Attributes:
        model: a name of MODELS.
        width, height: pixels.
        parameters: in COLMAP's order.
    """

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]

    @property
    def intrinsics(self) -> Float64:
        """[3, 3] float64 pixels, without distortion.

        Raises:
            CameraError: the model is unknown, or one that no pinhole approximates.
        """
        check_pinhole(self.model, "COLMAP's camera")
        if self.model in SINGLE_FOCAL:
            focal, cx, cy = self.parameters[:3]
            return intrinsics_matrix(focal, focal, cx, cy)
        return intrinsics_matrix(*self.parameters[:4])

    @property
    def distortion(self) -> tuple[float, ...]:
        """The parameters after focal length and principal point; empty for a pinhole."""
        return self.parameters[3 if self.model in SINGLE_FOCAL else 4 :]


@dataclass(frozen=True)
class Image:
    """One registered picture.

    Attributes:
        name: of the picture file.
        camera_id: which Camera took it.
        quaternion: (w, x, y, z), world-to-camera.
        translation: (x, y, z), world-to-camera.
        line: its line, or its number in a binary file, from 1; for errors.
    """

    name: str
    camera_id: int
    quaternion: tuple[float, ...]
    translation: tuple[float, ...]
    line: int


def from_model(cameras: dict[int, Camera], images: Sequence[Image], known: Known) -> CameraFile:
    """The model's pictures as a CameraFile, in natural order of their names.

    Args:
        cameras: by COLMAP's camera id.
        images: the registered pictures.
        known: only its rate is used.

    Raises:
        CameraError: there is no picture, a picture names a missing camera, a camera is no pinhole, a quaternion is not
            a rotation, or the pictures have different aspects.
    """
    if not images:
        raise CameraError("The model holds no camera", "no registered picture")
    for image in images:
        if image.camera_id not in cameras:
            raise CameraError("A picture names a camera that is not there", f"{image.name}: camera {image.camera_id}")
    names = [picture_name(image.name) for image in images]
    order = natural_order(names)
    ordered = [images[i] for i in order]
    names = [names[i] for i in order]
    used = [cameras[image.camera_id] for image in ordered]
    quaternions = normalised_quaternions(np.array([image.quaternion for image in ordered]), [i.line for i in ordered])
    world_to_camera = pose_matrices(
        rotation_from_quaternion(quaternions), np.array([image.translation for image in ordered])
    )
    sizes = [(camera.width, camera.height) for camera in used]
    intrinsics = intrinsics_of_one_size([camera.intrinsics for camera in used], sizes, names)
    trajectory = Trajectory(inverse(world_to_camera), intrinsics, *sizes[0], known.rate)
    return CameraFile(trajectory, NAME, names=tuple(names)).with_notes(
        _distortion_note(used), inverted_pose_note(trajectory.camera_to_world, "world-to-camera")
    )


def to_model(trajectory: Trajectory, names: Sequence[str]) -> tuple[dict[int, Camera], list[Image]]:
    """A trajectory as COLMAP's cameras and images.

    Args:
        trajectory: the cameras to store.
        names: [F] picture names; empty for frame_0000.png and so on.

    Returns:
        PINHOLE cameras by id, one for each different lens, and one image a frame.
    """
    cameras: dict[int, Camera] = {}
    images = []
    quaternions = quaternion_from_rotation(trajectory.world_to_camera[:, :3, :3])
    named = names or [f"frame_{index:04d}.png" for index in range(len(trajectory))]
    for index, (name, k) in enumerate(zip(named, trajectory.intrinsics, strict=True)):
        lens = (float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))
        camera = Camera("PINHOLE", trajectory.width, trajectory.height, lens)
        camera_id = next((i for i, other in cameras.items() if other == camera), len(cameras) + 1)
        cameras[camera_id] = camera
        translation = tuple(trajectory.world_to_camera[index, :3, 3].tolist())
        images.append(Image(name, camera_id, tuple(quaternions[index].tolist()), translation, index + 1))
    return cameras, images


def _distortion_note(cameras: Sequence[Camera]) -> str:
    strongest = max((abs(value) for camera in cameras for value in camera.distortion), default=0.0)
    if strongest == 0:
        return ""
    return f"The lens is distorted ({cameras[0].model}, up to {strongest:.2g}); the pinhole leaves that out."
