"""A long shot in segments: they cover it, share what they should, and are put together without a step in colour."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.demo.motorcycle import Motorcycle
from server.engines.pipelines.fitting.segments import colour_matched, joined, segments


@given(st.integers(1, 1000), st.integers(18, 161), st.sampled_from([1, 5, 9, 13, 17]))
def test_segments_cover_the_shot(count: int, most: int, shared: int) -> None:
    parts = segments(count, most, shared)
    assert parts[0].first == parts[0].given == 0
    assert parts[-1].first + parts[-1].frames == count
    assert max(part.frames for part in parts) <= most
    for one, other in pairwise(parts):
        assert other.first + other.given == one.first + one.frames
        assert other.given == shared < other.frames
    assert len(parts) == 1 or count > most


def test_a_minute_at_sixteen_frames_a_second() -> None:
    parts = segments(961, 81, 9)
    assert len(parts) == 14
    assert {part.frames for part in parts[:-1]} == {77}, "all about as long: a short last one would be worse"


def test_a_join_takes_over_the_colours_of_what_was_before(bike: Motorcycle) -> None:
    """The second segment came out brighter and flatter; after the join nothing jumps."""
    whole = np.stack([bike.photo[200 + n : 240 + n, 300:364] for n in range(20)])
    drifted = np.rint(whole[7:] * 0.9 + 20).astype(np.uint8)
    clip = joined(whole[:12], drifted, 5)
    assert clip.shape == whole.shape
    assert np.array_equal(clip[:7], whole[:7]), "what was made stays"
    assert np.abs(clip.astype(int) - whole).max() <= 2


def test_a_join_does_not_blow_up_what_has_no_contrast() -> None:
    flat = np.full((4, 8, 8, 3), 90, np.uint8)
    wild = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    assert (colour_matched(flat, flat, wild).std(axis=(0, 1, 2)) == 0).all()
    shown = colour_matched(wild, wild, flat)
    assert abs(shown.mean() - 90) < 2
    assert shown.std() > 0.75 * wild.std()
