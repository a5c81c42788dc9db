"""A photo with depth becomes a metric scene: mesh, unlit texture, reference camera."""

from ..core.depth.depth_format import DepthFormat
from ..core.depth.depth_question import DepthQuestionError
from .importing.depth_file import read_depth
from .importing.import_photo import import_photo
from .photo_file import PhotoFile, read_photo, upright_pixels
from .photo_scene import PhotoScene, find_photo_scene, set_depth_edge

__all__ = [
    "DepthFormat",
    "DepthQuestionError",
    "PhotoFile",
    "PhotoScene",
    "find_photo_scene",
    "import_photo",
    "read_depth",
    "read_photo",
    "set_depth_edge",
    "upright_pixels",
]
