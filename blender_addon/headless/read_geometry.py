"""Reads files of geometry with Blender's own importers, for the command line.

`python -m blender_addon.headless.read_geometry OUT.npz FILE...` writes what they all hold, in their own axes:
`vertices` [N, 3] float64, `triangles` [T, 3] int32 indices into them, `points` [P, 3] float64 of clouds. A report line
ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.arrays import Float64, Int32
from ..core.errors import PhotoError, RealCamError
from ..core.payloads.headless_plan import HeadlessReport, report_line
from ..scene.mesh import mesh_surface


def _as_it_stands(importer: Callable[[], Any]) -> Callable[[str], Any]:
    """An importer told that the file's axes are Blender's, so that it does not turn it."""
    return lambda path: importer()(filepath=path, forward_axis="Y", up_axis="Z")


IMPORTERS: dict[str, Callable[[str], Any]] = {
    ".ply": _as_it_stands(lambda: bpy.ops.wm.ply_import),
    ".obj": _as_it_stands(lambda: bpy.ops.wm.obj_import),
    ".stl": _as_it_stands(lambda: bpy.ops.wm.stl_import),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".gltf": lambda path: bpy.ops.import_scene.gltf(filepath=path),
}
"""By the file's ending, in lower case."""
_GLTF = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Blender's axes back to glTF's, whose up is y: its importer always turns it."""


def read_geometry(path: Path) -> tuple[Float64, Int32, Float64]:
    """Vertices [N, 3], triangles [T, 3] and the points [P, 3] of clouds, in the file's own axes and unit.

    Raises:
        PhotoError: the file is of no known kind, or Blender cannot read it.
    """
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise PhotoError("This kind of geometry is not read", path.name, f"Use {', '.join(IMPORTERS)}.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        importer(str(path.resolve()))
    except RuntimeError as error:
        raise PhotoError("The geometry cannot be read", f"{path}: {str(error).strip()}", "Export it again.") from error
    bpy.context.view_layer.update()
    parts = [_part(subject) for subject in bpy.data.objects if subject.type in ("MESH", "POINTCLOUD")]
    back = _GLTF if path.suffix.lower() in (".glb", ".gltf") else np.eye(3)
    none = np.zeros((0, 3))
    surfaces = [points if len(faces) else none for points, faces in parts]
    clouds = [none if len(faces) else points for points, faces in parts]
    counts = np.cumsum([0, *map(len, surfaces)])
    triangles = [faces + np.int32(start) for (_, faces), start in zip(parts, counts, strict=False)]
    return (
        np.concatenate([none, *surfaces]) @ back.T,
        np.concatenate([np.zeros((0, 3), np.int32), *triangles]),
        np.concatenate([none, *clouds]) @ back.T,
    )


def _part(subject: bpy.types.Object) -> tuple[Float64, Int32]:
    matrix = np.array(subject.matrix_world, dtype=np.float64)
    if subject.type == "MESH":
        points, triangles = mesh_surface(subject.data)
    else:
        flat = np.empty(3 * len(subject.data.points), dtype=np.float32)
        subject.data.attributes["position"].data.foreach_get("vector", flat)
        points, triangles = flat.reshape(-1, 3).astype(np.float64), np.zeros((0, 3), np.int32)
    return points @ matrix[:3, :3].T + matrix[:3, 3], triangles


def main(out: Path, files: list[Path]) -> HeadlessReport:
    """Write the geometry of all files as one; the report says what went wrong, if anything."""
    try:
        vertices, triangles, points = zip(*(read_geometry(path) for path in files), strict=True)
    except RealCamError as error:
        return HeadlessReport(stage="", error=error.sentence)
    counts = np.cumsum([0, *map(len, vertices)])
    moved = [faces + np.int32(start) for faces, start in zip(triangles, counts, strict=False)]
    np.savez(out, vertices=np.concatenate(vertices), triangles=np.concatenate(moved), points=np.concatenate(points))
    return HeadlessReport(stage="geometry")


if __name__ == "__main__":
    print(report_line(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])), flush=True)
