"""Blender's importers read geometry in the file's own axes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from blender_addon.core.arrays import Float64
from blender_addon.core.errors import PhotoError

CORNERS: Float64 = np.array([[-1.0, -2.0, 4.0], [1.0, -2.0, 4.0], [1.0, 3.0, 5.0]])


def rows(points: Float64) -> Float64:
    """Points in an order of their own, to compare clouds."""
    return points[np.lexsort(points.round(4).T)]


def write(path: Path) -> Path:
    numbers = [" ".join(f"{v:g}" for v in corner) for corner in CORNERS]
    if path.suffix == ".obj":
        path.write_text("".join(f"v {text}\n" for text in numbers) + "f 1 2 3\n")
    elif path.suffix == ".stl":
        corners = "".join(f"vertex {text}\n" for text in numbers)
        path.write_text(f"solid s\nfacet normal 0 0 1\nouter loop\n{corners}endloop\nendfacet\nendsolid s\n")
    else:
        axes = "".join(f"property float {axis}\n" for axis in "xyz")
        faces = "" if path.stem == "cloud" else "element face 1\nproperty list uchar int vertex_index\n"
        path.write_text(
            f"ply\nformat ascii 1.0\nelement vertex 3\n{axes}{faces}end_header\n"
            + "".join(f"{text}\n" for text in numbers)
            + ("3 0 1 2\n" if faces else "")
        )
    return path


@pytest.mark.parametrize("name", ["mesh.ply", "mesh.obj", "mesh.stl", "cloud.ply"])
def test_a_file_s_axes_stay_its_own(blender: ModuleType, tmp_path: Path, name: str) -> None:
    from blender_addon.headless.read_geometry import read_geometry

    vertices, triangles, points = read_geometry(write(tmp_path / name))
    seen, other = (points, vertices) if "cloud" in name else (vertices, points)
    np.testing.assert_allclose(rows(seen), rows(CORNERS), atol=1e-6)
    assert len(other) == 0
    assert len(triangles) == (0 if "cloud" in name else 1)


def test_gltf_s_up_stays_y(blender: ModuleType, tmp_path: Path) -> None:
    """Of a mesh that stands in Blender 2 m above the origin, and 5 m behind it."""
    from blender_addon.headless.read_geometry import read_geometry

    blender.ops.mesh.primitive_cube_add(size=1, location=(0, 5, 2))
    blender.ops.export_scene.gltf(filepath=str(tmp_path / "box.glb"))
    vertices, triangles, _ = read_geometry(tmp_path / "box.glb")
    np.testing.assert_allclose(vertices.mean(axis=0), [0, 2, -5], atol=1e-6)
    assert len(triangles) == 12


def test_what_cannot_be_read_is_said(blender: ModuleType, tmp_path: Path) -> None:
    from blender_addon.headless.read_geometry import read_geometry

    (tmp_path / "text.ply").write_text("hello")
    with pytest.raises(PhotoError, match="cannot be read"):
        read_geometry(tmp_path / "text.ply")
    with pytest.raises(PhotoError, match=r"Use \.ply"):
        read_geometry(tmp_path / "mesh.e57")
