"""A Blender camera becomes a Trajectory, and the photo's scene seen along it the preview."""

from .camera_sample import render_frame, sample_camera, scene_rate, spread_frames
from .preview import PreviewRenderer
from .preview_scene import remove_preview_scenes

__all__ = [
    "PreviewRenderer",
    "remove_preview_scenes",
    "render_frame",
    "sample_camera",
    "scene_rate",
    "spread_frames",
]
