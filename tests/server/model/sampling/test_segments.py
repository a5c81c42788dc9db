"""Long shots as segments."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.model.sampling.segments import plan_segments


@given(st.integers(1, 400), st.integers(2, 24), st.integers(1, 23))
def test_segments_cover_the_shot_once(frames: int, window: int, overlap: int) -> None:
    if frames > window and overlap >= window:
        with pytest.raises(ValueError, match="does not fit"):
            plan_segments(frames, window, overlap)
        return
    segments = plan_segments(frames, window, overlap)
    fresh = [f for s in segments for f in range(s.start + s.known, s.stop)]
    assert fresh == list(range(frames)), "every frame is made exactly once, in order"
    assert segments[0].known == 0
    for before, after in itertools.pairwise(segments):
        assert len(after) == window
        assert after.known >= overlap
        assert after.start + after.known == before.stop
