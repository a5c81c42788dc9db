"""The published demo's camera paths, number for number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from server.data.published_paths import bezier_curve, eased, first_part, relative_to, spread_evenly, there_and_back


@pytest.fixture(scope="module")
def golden(parity_kit: Path) -> dict[str, np.ndarray]:
    return load_file(parity_kit / "trajectory.safetensors")


@pytest.mark.parametrize("count", [5, 16, 20])
def test_matrices_are_interpolated_entry_by_entry(golden: dict[str, np.ndarray], count: int) -> None:
    assert np.allclose(spread_evenly(golden["c2w"], count), golden[f"lerp{count}"], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "a", "b"), [("aNone_bNone", 0.5, 0.5), ("a0.0_b0.2", 0.0, 0.2), ("a0.8_b1.0", 0.8, 1.0)]
)
def test_timing_by_a_bezier_curve(golden: dict[str, np.ndarray], name: str, a: float, b: float) -> None:
    assert np.allclose(bezier_curve(a, b, 9), golden[f"bezier_curve_{name}"], atol=1e-12)
    assert np.allclose(eased(golden["c2w"], a, b), golden[f"bezier_{name}"], atol=1e-9)


def test_loops_and_parts_of_the_way(golden: dict[str, np.ndarray]) -> None:
    assert np.allclose(spread_evenly(there_and_back(golden["c2w"]), 16), golden["loop16"], atol=1e-12)
    assert np.allclose(first_part(golden["c2w"], 0.5), golden["trace_extract_0.5"], atol=1e-12)


def test_relative_to_a_frame(golden: dict[str, np.ndarray]) -> None:
    assert np.allclose(relative_to(golden["lerp16"], 4), golden["relative_left_ref4"], atol=1e-10)
