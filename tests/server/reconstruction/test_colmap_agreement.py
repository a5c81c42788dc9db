"""COLMAP models read and written by our own code, which Blender needs, agree with COLMAP's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.formats.dispatch import read_trajectory, write_trajectory

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: there is nothing to compare with")

from tests.support.colmap_models import read_model  # noqa: E402

MODELS = ("bible_yDing121/sparse_0_bin", "bible_yDing121/sparse_0_txt_converted", "arkit_metric_Abu2005G")


@pytest.mark.parametrize("model", MODELS)
def test_other_peoples_models_are_read_alike(shared_data: Path, model: str) -> None:
    ours, theirs = read_trajectory(shared_data / "colmap" / model), read_model(shared_data / "colmap" / model)
    assert ours.names == theirs.names
    assert (ours.trajectory.width, ours.trajectory.height) == (theirs.trajectory.width, theirs.trajectory.height)
    # pycolmap takes the quaternions as the file rounds them, we normalise them.
    assert np.allclose(ours.trajectory.camera_to_world, theirs.trajectory.camera_to_world, atol=1e-9)
    assert np.allclose(ours.trajectory.intrinsics, theirs.trajectory.intrinsics, atol=1e-9)
    assert any("distort" in note for note in ours.notes) == theirs.distorted


@pytest.mark.parametrize("kind", ["colmap", "colmap-binary"])
def test_what_we_write_pycolmap_reads(shared_data: Path, tmp_path: Path, kind: str) -> None:
    fox = read_trajectory(shared_data / "sequences/fox/transforms_360x640.json")
    write_trajectory(tmp_path, fox.trajectory, kind, names=[Path(name).name for name in fox.names])
    (tmp_path / ("points3D.txt" if kind == "colmap" else "points3D.bin")).touch(exist_ok=True)
    theirs = read_model(tmp_path)
    order = np.argsort([Path(name).name for name in fox.names])
    assert np.allclose(theirs.trajectory.camera_to_world, fox.trajectory.camera_to_world[order], atol=1e-9)
    assert np.allclose(theirs.trajectory.intrinsics, fox.trajectory.intrinsics[order], atol=1e-9)


def test_a_colmap_model_of_other_people(shared_data: Path) -> None:
    folder = shared_data / "colmap/bible_yDing121"
    binary, text = read_model(folder / "sparse_0_bin"), read_model(folder / "sparse_0_txt_converted")
    assert len(binary.names) == 7
    assert binary.sparse.points.shape == (699, 3)
    assert len(binary.sparse.frame) == 2616
    assert binary.sparse.reprojection_error == pytest.approx(0.539, abs=1e-3)
    assert (binary.sparse.depths() > 0).all()
    assert np.allclose(binary.trajectory.camera_to_world, text.trajectory.camera_to_world, atol=1e-9)
