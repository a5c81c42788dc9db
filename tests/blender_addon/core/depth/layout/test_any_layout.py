"""Whatever is dragged or typed: a depth in front of the camera, or a refusal in words."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.arrays import Float32
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.layout.layout import CutOut, DepthLayout, Ground, Mask, Wall, layout_json, layout_of
from blender_addon.core.depth.layout.layout_depth import layout_depth
from blender_addon.core.errors import PhotoError

SIZE = (32, 24)
LENS = intrinsics_matrix(28.0, 28.0, 16.0, 12.0)

numbers = st.one_of(st.sampled_from([0.0, 1.0, 0.5, -1.0, 1e-12, 1e9, float("nan"), float("inf")]), st.floats(-3, 3))
lengths = st.one_of(st.sampled_from([0.0, 1e-9, 1.6, 1e5, -1.0, float("nan")]), st.floats(0.01, 50))
points = st.tuples(st.one_of(st.floats(-0.5, 1.5), numbers), st.one_of(st.floats(0, 1.5), numbers))
polygons = st.lists(points, max_size=6).map(tuple)
grounds = st.builds(
    Ground, st.tuples(numbers, numbers), lengths, st.none() | lengths, st.none() | st.tuples(numbers, numbers)
)
masks = st.builds(Mask, st.integers(0, 5), st.integers(0, 5), st.lists(st.integers(-1, 25), max_size=4).map(tuple))
cut_outs = st.builds(
    CutOut, polygons, st.none() | masks, st.none() | points, st.none() | lengths, numbers, numbers, st.booleans()
)
layouts = st.builds(
    DepthLayout,
    st.just(1),
    st.none() | grounds,
    st.lists(st.builds(Wall, polygons, st.none() | lengths), max_size=2).map(tuple),
    st.lists(cut_outs, max_size=2).map(tuple),
    st.none() | lengths,
    st.sampled_from(["replace", "fill", "align"]),
)


@settings(max_examples=150, deadline=None)
@given(layouts, st.booleans())
def test_any_layout_is_a_depth_or_refused(layout: DepthLayout, has_base: bool) -> None:
    base = np.linspace(9, 2, 48, dtype=np.float32)[:, None] * np.ones((1, 64), np.float32) if has_base else None
    try:
        depth = layout_depth(layout, SIZE, LENS, SIZE, base)
    except PhotoError as error:
        refusal = error
    else:
        refusal = None
        check_depth_in_front(depth)
        assert layout_of(layout_json(layout)) == layout
    assert refusal is None or (refusal.why and refusal.remedy)


def check_depth_in_front(depth: Float32) -> None:
    assert depth.shape == (24, 32)
    assert depth.dtype == np.float32
    known = depth[~np.isnan(depth)]
    assert (known > 0).all()
    assert np.isfinite(known).all()
