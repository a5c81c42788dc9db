from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import TimelineError
from blender_addon.timeline.frame_mapping import SPREAD, shown_frames, spread_file, write_spread
from blender_addon.timeline.take import frame_file

FRAMES = st.integers(1, 120)
DURATIONS = st.integers(1, 400)


@given(FRAMES, DURATIONS)
def test_every_scene_frame_shows_the_nearest_sample(frames: int, duration: int) -> None:
    shown = shown_frames(frames, duration)
    assert len(shown) == duration
    assert list(shown) == sorted(shown)
    assert shown[0] == 0
    if duration > 1:
        assert shown[-1] == frames - 1
        step = (duration - 1) / max(frames - 1, 1)
        assert all(abs(k * step - i) <= step / 2 + 1e-9 for i, k in enumerate(shown) if frames > 1)


@given(FRAMES)
def test_a_shot_as_long_as_its_clip_shows_each_frame_once(frames: int) -> None:
    assert shown_frames(frames, frames) == tuple(range(frames))


def test_the_sequence_on_disk_repeats_the_frames_without_copying_them(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for index in range(4):
        (tmp_path / frame_file(index)).write_bytes(bytes([index]))
    for _ in range(2):
        write_spread(tmp_path, 4, 10)
    files = sorted((tmp_path / SPREAD).iterdir())
    assert files[0] == tmp_path / spread_file(4, 10)
    assert tuple(path.read_bytes()[0] for path in files) == shown_frames(4, 10)
    assert files[-1].samefile(tmp_path / frame_file(3))


def test_a_shot_as_long_as_its_clip_needs_no_other_files(tmp_path: Path) -> None:
    write_spread(tmp_path, 4, 4)
    assert list(tmp_path.iterdir()) == []
    assert spread_file(4, 4) == frame_file(0)


def test_a_frame_that_cannot_be_read_leaves_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / frame_file(0)).write_bytes(b"0")
    with pytest.raises(TimelineError, match=r"cannot be spread over the shot: .*No such file"):
        write_spread(tmp_path, 2, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]
