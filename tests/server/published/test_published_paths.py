"""The published demo's camera paths, number for number."""

from __future__ import annotations

import numpy as np
import pytest

from tests.server.published.parity import ParityKit
from tests.server.published.published_paths import (
    bezier_curve,
    eased,
    first_part,
    relative_to,
    spread_evenly,
    there_and_back,
)


@pytest.fixture
def golden(kit: ParityKit) -> dict[str, np.ndarray]:
    return kit.arrays("trajectory")


@pytest.mark.parametrize("count", [5, 16, 20])
def test_matrices_are_interpolated_entry_by_entry(kit: ParityKit, golden: dict[str, np.ndarray], count: int) -> None:
    kit.check("trajectory", f"lerp{count}", spread_evenly(golden["c2w"], count))


@pytest.mark.parametrize(
    ("name", "a", "b"), [("aNone_bNone", 0.5, 0.5), ("a0.0_b0.2", 0.0, 0.2), ("a0.8_b1.0", 0.8, 1.0)]
)
def test_timing_by_a_bezier_curve(kit: ParityKit, golden: dict[str, np.ndarray], name: str, a: float, b: float) -> None:
    kit.check("trajectory", f"bezier_curve_{name}", bezier_curve(a, b, 9))
    kit.check("trajectory", f"bezier_{name}", eased(golden["c2w"], a, b))


def test_loops_and_parts_of_the_way(kit: ParityKit, golden: dict[str, np.ndarray]) -> None:
    kit.check("trajectory", "loop16", spread_evenly(there_and_back(golden["c2w"]), 16))
    kit.check("trajectory", "trace_extract_0.5", first_part(golden["c2w"], 0.5))


def test_relative_to_a_frame(kit: ParityKit, golden: dict[str, np.ndarray]) -> None:
    kit.check("trajectory", "relative_left_ref4", relative_to(golden["lerp16"], 4))
