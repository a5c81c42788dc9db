"""How fast Blender's own parts are here: `python -m blender_addon.headless.bench PHOTO DEPTH.npy INTRINSICS.npy`.

Prints one report line whose summary is JSON: mesh import in Mvertices/s, seconds a preview frame by each method.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

import bpy
import msgspec
import numpy as np

from ..core.frame_fit import FrameFit
from ..core.headless_plan import HeadlessReport, report_line
from ..core.moves import move_trajectory
from ..core.trajectory import Trajectory
from ..scene import PhotoImport, PhotoScene, import_photo
from ..shot import PreviewRenderer
from ..shot.preview_scene import Method

CLIP_SIZE = (512, 320)
FRAMES = 6
"""Frames of the preview that are timed, after one that compiles shaders."""


class BlenderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Medians, in seconds; rates in millions a second."""

    blender: str
    vertices: int
    import_seconds: float
    import_mvertices_a_second: float
    eevee_first_frame: float
    eevee_frame: float
    workbench_frame: float


def measure(photo: Path, depth: Path, intrinsics: Path, repeats: int = 3) -> BlenderFigures:
    """Import the photo whole (a vertex a pixel, files included), then render an orbit by Eevee and by Workbench."""
    request = PhotoImport(photo=photo, depth=depth, intrinsics=np.load(intrinsics), max_vertices=2**31)
    seconds = []
    for _ in range(repeats):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        began = time.perf_counter()
        imported = import_photo(bpy.context.scene, request)
        seconds.append(time.perf_counter() - began)
    vertices = imported.vertices
    bpy.ops.wm.read_factory_settings(use_empty=True)
    # The preview is timed on the mesh that artists get: thinned to the default number of vertices.
    thinned = import_photo(bpy.context.scene, PhotoImport(photo=photo, depth=depth, intrinsics=np.load(intrinsics)))
    trajectory = _orbit(thinned)
    eevee = _frame_seconds(thinned, trajectory, "eevee")
    workbench = _frame_seconds(thinned, trajectory, "workbench")
    return BlenderFigures(
        blender=bpy.app.version_string,
        vertices=vertices,
        import_seconds=median(seconds),
        import_mvertices_a_second=vertices / 1e6 / median(seconds),
        eevee_first_frame=eevee[0],
        eevee_frame=median(eevee[1:]),
        workbench_frame=median(workbench[1:]),
    )


def _orbit(photo: PhotoScene) -> Trajectory:
    start = Trajectory(np.eye(4)[None], photo.intrinsics[None], *photo.photo_size)
    fitted = FrameFit(photo.photo_size, CLIP_SIZE).trajectory(start)
    pivot = float(np.nanmedian(photo.depth()))
    return move_trajectory("orbit", fitted, {"pivot": pivot}, count=FRAMES + 1)


def _frame_seconds(photo: PhotoScene, trajectory: Trajectory, method: Method) -> list[float]:
    seconds = []
    with PreviewRenderer(photo, trajectory, method) as renderer:
        for index in range(len(trajectory)):
            began = time.perf_counter()
            renderer.render(index)
            seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    photo_file, depth_file, intrinsics_file = (Path(argument) for argument in sys.argv[1:4])
    figures = measure(photo_file, depth_file, intrinsics_file)
    print(report_line(HeadlessReport(stage="bench", summary=msgspec.json.encode(figures).decode())), flush=True)
