"""What a table is made of: intervals, joins, how far along its path a clip comes, rows and their file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.trajectory import Trajectory
from server.evaluation.records import PublishedErrors
from server.evaluation.synthetic_room import film_room
from server.training.comparison.bootstrap import difference, interval, median
from server.training.comparison.joins import closure, jump
from server.training.comparison.report import markdown
from server.training.comparison.summary import MEASURES, summary
from server.training.comparison.takes import Take, TakeKey, append_take, read_takes
from server.training.comparison.way import likeness, way

COUNT, SIDE = 9, 64


@pytest.fixture(scope="module")
def filmed() -> UInt8:
    """A room, passed sideways by 0.6 m."""
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 0.6, COUNT)
    frames, _ = film_room(Trajectory(poses, intrinsics_from_fov(SIDE, SIDE, np.radians(70)), SIDE, SIDE))
    return frames


def test_an_interval_knows_clips_and_trainings() -> None:
    draw = np.random.default_rng(1)
    table = draw.normal(3.0, 1.0, (1, 200))
    found = interval(table)
    assert found.low < 3.0 < found.high
    assert found.high - found.low == pytest.approx(4 * 200**-0.5, rel=0.2)
    assert interval(table) == found, "the same each time"
    apart = interval(np.array([[1.0] * 50, [3.0] * 50]))
    assert (apart.low, apart.value, apart.high) == (1.0, 2.0, 3.0), "trainings that differ make it wide"
    table[0, 5] = np.nan
    assert interval(table).count == 199
    assert np.isnan(interval(np.full((1, 3), np.nan)).value)
    assert interval(np.array([[0.0, 0.0, 9.0]]), median).value == 0.0


def test_a_difference_is_of_the_clips_that_both_know() -> None:
    draw = np.random.default_rng(2)
    hard = draw.normal(10.0, 5.0, (1, 100))
    other = hard - 1.0 + draw.normal(0.0, 0.1, (1, 100))
    other[0, :7] = np.nan
    found = difference(hard, other)
    assert found.count == 93
    assert found.value == pytest.approx(1.0, abs=0.05)
    assert 0.9 < found.low < found.high < 1.1, "what makes a clip hard is the same for both"


def test_joins(filmed: UInt8) -> None:
    assert closure(np.concatenate([filmed, filmed[-2::-1]])) == 0.0
    assert closure(filmed) > 1.0
    assert 0.5 < jump(filmed, -2) < 2.0
    cut = np.concatenate([filmed, 255 - filmed])
    assert jump(cut, COUNT - 1) > 2.0 > jump(cut, 2)


def test_how_far_along_its_path_a_clip_comes(filmed: UInt8) -> None:
    still, slow = filmed[:1].repeat(COUNT, axis=0), filmed[np.arange(COUNT) // 2]
    assert way(filmed, filmed) == 1.0
    assert way((filmed // 2 + 40).astype(np.uint8), filmed) == 1.0, "brightness does not matter"
    assert way(still, filmed) == 0.0
    assert way(slow, filmed) == pytest.approx(0.5, abs=0.1)
    assert way(filmed, still) is None, "a camera that stands still has no way"
    assert likeness(filmed, filmed) == pytest.approx(1.0)
    assert likeness(still, filmed) < likeness(slow, filmed) < 1.0


def take(row: str, clip: int, error: float | None, training: int = 0, travel: float = 1.0) -> Take:
    errors = None
    if error is not None:
        errors = PublishedErrors(
            rot_err=error, trans_err_rel=error, cam_mc_rel=error, trans_err_abs=error, cam_mc_abs=error
        )
    return Take(
        key=TakeKey(row=row, network=str(training), base="b", settings="s", clip=f"{clip:03d}"),
        training=training, frames=9, placed=9 if errors else 4, failure="" if errors else "4 of 9", travel=travel,
        errors=errors, degrees=1.0, metres=0.1, features=[float(clip), float(clip % 3)], way=None, likeness=0.5,
    )  # fmt: skip


def test_rows_of_a_table() -> None:
    absolute = [take("absolute", clip, 1.0 + clip / 100, training) for clip in range(30) for training in (0, 1)]
    base = [take("base", clip, None if clip < 10 else 3.0, travel=0.0 if clip == 29 else 1.0) for clip in range(30)]
    filmed = [take("filmed", clip, 0.0) for clip in range(30)]
    rows = summary({"filmed": filmed, "base": base, "absolute": absolute}, MEASURES, "absolute", filmed)
    _, first, second = rows
    assert (first.trainings, first.clips, first.failed) == (1, 30, pytest.approx(1 / 3))
    assert (second.trainings, second.clips, second.failed) == (2, 30, 0.0)
    assert first.numbers["RotErr"].count == 20
    assert first.numbers["TransErr abs"].count == 19, "a path that goes nowhere has no share"
    assert first.apart["RotErr"].low > 1.5
    assert not second.apart
    assert first.distance == pytest.approx(0.0, abs=1e-6)
    text = markdown(rows, "Table", "absolute")
    assert "| base | 1 | 30 | 33% | 3 [3, 3] |" in text
    assert "| way |" not in text, "what no row has is no column"
    assert "Nothing was measured yet" in markdown([], "Table", "absolute")


def test_a_line_that_was_not_finished_is_measured_again(tmp_path: Path) -> None:
    file, takes = tmp_path / "takes-1.jsonl", [take("base", clip, 1.0) for clip in range(3)]
    append_take(file, takes[0])
    with file.open("ab") as stream:
        stream.write(msgspec.json.encode(takes[1])[:40])
    append_take(file, takes[2])
    append_take(tmp_path / "takes-2.jsonl", replace_clip(takes[0], "other"))
    known = read_takes(tmp_path)
    assert {key.clip for key in known} == {"000", "002", "other"}
    assert known[takes[0].key] == takes[0]


def replace_clip(taken: Take, clip: str) -> Take:
    return msgspec.structs.replace(taken, key=msgspec.structs.replace(taken.key, clip=clip))
