"""A Blender camera becomes a Trajectory, and the photo's scene seen along it the preview."""

from ..core.payloads.coverage import coverage
from .assemble_shot import assemble_shot
from .bake_move import bake_move, bake_trajectory
from .camera_sample import render_frame, sample_camera, scene_rate, spread_frames
from .check_shot import Problem, check_output, check_shot, coverage_problems
from .coverage_estimate import quick_coverage
from .preview import PreviewRenderer
from .preview_scene import Method, remove_preview_scenes

__all__ = [
    "Method",
    "PreviewRenderer",
    "Problem",
    "assemble_shot",
    "bake_move",
    "bake_trajectory",
    "check_output",
    "check_shot",
    "coverage",
    "coverage_problems",
    "quick_coverage",
    "remove_preview_scenes",
    "render_frame",
    "sample_camera",
    "scene_rate",
    "spread_frames",
]
