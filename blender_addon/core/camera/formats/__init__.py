"""Camera files of other programs to and from a Trajectory: one module a format, found by content."""

from .camera_file import CameraFile
from .dispatch import READERS, WRITERS, read_trajectory, write_trajectory

__all__ = ["READERS", "WRITERS", "CameraFile", "read_trajectory", "write_trajectory"]
