"""Measures how fast Blender's own parts are; prints one report line whose summary is JSON.

`python -m blender_addon.headless.bench import PHOTO DEPTH.npy INTRINSICS.npy`: mesh import in Mvertices/s, seconds a
preview frame by each method. `... scene PHOTO DEPTH.npz`: seconds from a server's result to the finished scene.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import bpy
import msgspec
import numpy as np

from ..core.camera.frame_fit import FrameFit
from ..core.camera.moves import move_trajectory
from ..core.camera.trajectory import Trajectory
from ..core.payloads.depth_request import decode_depth_result
from ..core.payloads.headless_plan import HeadlessReport, report_line
from ..core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from ..scene import PhotoScene, import_photo
from ..shot import PreviewRenderer
from ..shot.preview_scene import Method

CLIP_SIZE = (512, 320)
"""(width, height) in pixels of the preview that is timed."""
REPEATS = 3
"""How often each import is timed."""
FRAMES = 6
"""Frames of the preview that are timed, after one that compiles shaders."""


class BlenderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a photo is imported and its preview rendered; seconds are medians.

    Attributes:
        blender: Blender's version.
        vertices: Of the imported mesh.
        import_seconds: Of the import.
        import_mvertices_a_second: Millions of vertices imported per second.
        eevee_first_frame: Seconds of the first frame, which compiles shaders.
        eevee_frame: Seconds of a later frame.
        workbench_frame: Seconds of a later frame.
    """

    blender: str
    vertices: int
    import_seconds: float
    import_mvertices_a_second: float
    eevee_first_frame: float
    eevee_frame: float
    workbench_frame: float


class SceneFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a scene is built of a server's result, the reading of the photo's file included; seconds are medians.

    Attributes:
        blender: Blender's version.
        vertices: Of the mesh.
        scene_seconds: Wall-clock time from the result's bytes to the finished scene.
        scene_processor_seconds: Time of all processors meanwhile.
    """

    blender: str
    vertices: int
    scene_seconds: float
    scene_processor_seconds: float


def measure_scene(photo: Path, answer: Path, repeats: int = REPEATS) -> SceneFigures:
    """Build the scene of a depth estimate, its cleaning in force, and time it.

    Args:
        photo: The photo's file.
        answer: The file of the server's depth result.
        repeats: How often it is timed.
    """
    seconds, processor = [], []
    for _ in range(repeats):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        began, busy = time.perf_counter(), time.process_time()
        built = import_photo(bpy.context.scene, ImportRequest(photo, decode_depth_result(answer.read_bytes())))
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - busy)
    return SceneFigures(
        blender=bpy.app.version_string,
        vertices=built.vertices,
        scene_seconds=median(seconds),
        scene_processor_seconds=median(processor),
    )


def measure_import(photo: Path, depth: Path, intrinsics: Path, repeats: int = REPEATS) -> BlenderFigures:
    """Time the import of a whole photo (a vertex a pixel, files included), then an orbit by Eevee and by Workbench.

    Args:
        photo: The photo's file.
        depth: Its depth file.
        intrinsics: A .npy file of [3, 3] in the photo's pixels.
        repeats: How often the import is timed.
    """
    matrix = np.load(intrinsics).tolist()
    whole = ImportSettings(intrinsics=matrix, max_vertices=2**31)
    request = ImportRequest(photo, DepthFile(depth), whole)
    seconds = []
    for _ in range(repeats):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        began = time.perf_counter()
        imported = import_photo(bpy.context.scene, request)
        seconds.append(time.perf_counter() - began)
    vertices = imported.vertices
    bpy.ops.wm.read_factory_settings(use_empty=True)
    # The preview is timed on the mesh that artists get: thinned to the default number of vertices.
    thinned = import_photo(bpy.context.scene, replace(request, settings=ImportSettings(intrinsics=matrix)))
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
    return move_trajectory("orbit", fitted, {"pivot": photo.subject_distance()}, count=FRAMES + 1)


def _frame_seconds(photo: PhotoScene, trajectory: Trajectory, method: Method) -> list[float]:
    seconds = []
    with PreviewRenderer(photo, photo.depth(), trajectory, method) as renderer:
        for index in range(len(trajectory)):
            began = time.perf_counter()
            renderer.render(index)
            seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    what, photo_file, depth_file, *lens_file = sys.argv[1:]
    figures: SceneFigures | BlenderFigures
    if what == "scene":
        figures = measure_scene(Path(photo_file), Path(depth_file))
    else:
        figures = measure_import(Path(photo_file), Path(depth_file), Path(lens_file[0]))
    print(report_line(HeadlessReport(stage="bench", summary=msgspec.json.encode(figures).decode())), flush=True)
