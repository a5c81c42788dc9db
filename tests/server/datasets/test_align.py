"""Clips brought to metres: the red kitchen, whose truth is known, and a collection that is interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.datasets.align import AlignRecord
from server.datasets.align_collection import align_collection, summarise
from server.datasets.posed_clip import PosedClip, open_posed_clip
from server.datasets.scale_plot import plot_scales

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


def scaled(factor: float):
    def opened(folder: Path) -> PosedClip:
        clip = open_posed_clip(folder)
        return replace(clip, trajectory=clip.trajectory.rescale(factor))

    return opened


def align_one(folder: Path, out: Path, factor: float) -> AlignRecord:
    (record, _), *_ = align_collection([folder], out, scaled(factor), lambda clip: clip.depth, f"x{factor}")
    return record


@pytest.mark.parametrize("factor", [1.0, 0.37])
def test_the_red_kitchen_is_metric_and_made_metric_again(shared_data: Path, tmp_path: Path, factor: float) -> None:
    record = align_one(shared_data / "sequences/sevenscenes_redkitchen", tmp_path, factor)
    assert record.refusal == ""
    assert record.scale is not None
    assert record.scale * factor == pytest.approx(1.0, abs=0.03)
    assert record.inliers > 0.8 * record.votes
    # The move in metres is the one that was measured, whatever unit the poses came in.
    truth = open_posed_clip(shared_data / "sequences/sevenscenes_redkitchen").trajectory
    moved = np.linalg.norm(np.array(record.camera_to_world)[:, :3, 3], axis=1)
    assert np.allclose(moved, np.linalg.norm(truth.centres - truth.centres[0], axis=1), rtol=0.03)


@pytest.fixture(scope="module")
def two_clips(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of the red kitchen, and four of it whose poses belong to other frames."""
    source = shared_data / "sequences/sevenscenes_redkitchen"
    root = tmp_path_factory.mktemp("clips")
    stems = [f"frame-{i:06d}" for i in (200, 220, 240, 260)]
    for name, poses in (("right", stems), ("shuffled", [stems[i] for i in (2, 0, 3, 1)])):
        (root / name).mkdir()
        (root / name / "camera-intrinsics.txt").write_bytes((source / "camera-intrinsics.txt").read_bytes())
        for stem, pose in zip(stems, poses, strict=True):
            for ending in ("color.jpg", "depth.png"):
                (root / name / f"{stem}.{ending}").write_bytes((source / f"{stem}.{ending}").read_bytes())
            (root / name / f"{stem}.pose.txt").write_bytes((source / f"{pose}.pose.txt").read_bytes())
    return root


def test_a_collection_goes_on_where_it_was(two_clips: Path, tmp_path: Path) -> None:
    clips = [two_clips / "right", two_clips / "shuffled", two_clips / "missing"]
    opened: list[str] = []

    def open_clip(folder: Path) -> PosedClip:
        opened.append(folder.name)
        return open_posed_clip(folder)

    def run() -> list[tuple[AlignRecord, bool]]:
        return list(align_collection(clips, tmp_path, open_clip, lambda clip: clip.depth, "sensor"))

    interrupted = align_collection(clips, tmp_path, open_clip, lambda clip: clip.depth, "sensor")
    first, _ = next(interrupted)
    interrupted.close()
    again = run()
    assert opened == ["right", "shuffled", "missing"]
    assert [was_there for _, was_there in again] == [True, False, False]
    assert again[0][0] == first
    summary = summarise([record for record, _ in again])
    assert summary.kept == ["right"]
    assert set(summary.refused) == {"shuffled", "missing"}
    assert "not a folder" in summary.refused["missing"]
    assert all(was_there for _, was_there in run())


def test_the_plot_of_scales_shows_the_clips(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing to draw with")
    record = AlignRecord(
        clip="a",
        fingerprint="",
        frames=3,
        scale=2.0,
        spread=0.1,
        votes=9,
        inliers=9,
        refusal="",
        frame_scales=[1.9, None, 2.1],
        smallest=1.9,
        largest=2.1,
        reprojection_error=0.5,
        camera_to_world=[],
        intrinsics=[],
    )
    plot_scales([record], tmp_path / "one.png")
    plot_scales([replace_refusal(record)], tmp_path / "none.png")
    one, none = (np.array(Image.open(tmp_path / f"{name}.png").convert("L")) for name in ("one", "none"))
    assert one.shape == none.shape
    assert (one < 250).mean() > (none < 250).mean()


def replace_refusal(record: AlignRecord) -> AlignRecord:
    import msgspec

    return msgspec.structs.replace(record, refusal="no")
