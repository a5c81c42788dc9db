"""Geometry from files, read by a headless Blender in its own process: its importers are the well-kept ones."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Float64, Int32
from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.headless_plan import parse_report
from server.demo.headless_blender import check_blender

GEOMETRY_FILES = "PLY, OBJ, STL, GLB or glTF"


@dataclass(frozen=True, eq=False)
class Geometry:
    """What files of geometry hold.

    Attributes:
        vertices: [N, 3] float64.
        triangles: [T, 3] int32 indices into them.
        points: [P, 3] float64, clouds without faces.
    """

    vertices: Float64
    triangles: Int32
    points: Float64

    def moved(self, matrix: Float64) -> Geometry:
        """The geometry under an affine map [4, 4]."""
        vertices, points = (p @ matrix[:3, :3].T + matrix[:3, 3] for p in (self.vertices, self.points))
        return Geometry(vertices, self.triangles, points)


def read_geometry_files(paths: list[Path]) -> Geometry:
    """What all of these files hold, in their own axes and unit.

    Raises:
        PhotoError: a file is not there, Blender cannot read it, or all are empty.
        ShotError: headless Blender is not installed.
    """
    for path in paths:
        if not path.is_file():
            raise PhotoError("There is no such geometry", f"{path} is a folder" if path.is_dir() else str(path))
    check_blender()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "geometry.npz"
        command = [sys.executable, "-m", "blender_addon.headless.read_geometry", str(out), *map(str, paths)]
        process = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", env=child_environment(), check=False
        )
        reports = [report for line in process.stdout.splitlines() if (report := parse_report(line)) is not None]
        if not reports or reports[-1].error:
            tail = " | ".join(process.stderr.splitlines()[-3:])
            raise PhotoError(reports[-1].error.removesuffix(".") if reports else f"Blender ended early: {tail}")
        with np.load(out) as arrays:
            geometry = Geometry(arrays["vertices"], arrays["triangles"], arrays["points"])
    if not len(geometry.triangles) and not len(geometry.points):
        raise PhotoError("There is no geometry in it", ", ".join(path.name for path in paths), "Export it again.")
    if not (np.isfinite(geometry.vertices).all() and np.isfinite(geometry.points).all()):
        raise PhotoError("The geometry has points that are nowhere", "some are no numbers", "Export it again.")
    return geometry
