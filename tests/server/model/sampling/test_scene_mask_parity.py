"""The preview's mask, step by step, against the published one, and where ours is meant to differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.model.sampling import scene_mask  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402


def test_published_mask(kit: ParityKit) -> None:
    g = kit.tensors("scene_mask")
    valid = scene_mask.not_black(g["preview_rgb"].numpy())
    cases = {
        "step1_valid": valid,
        "step2_eroded": scene_mask.eroded(valid),
        "step3_latent_soft": scene_mask.on_latents(scene_mask.eroded(valid)),
        "step4_latent_mask": scene_mask.latent_mask(valid),
        "threshold0.9_variant": scene_mask.eroded(valid, threshold=0.9),
    }
    for name, ours in cases.items():
        kit.check("scene_mask", name, ours)


@examples(30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 6), st.floats(0.001, 0.05))
def test_mask_of_any_size(seed: int, rows: int, columns: int, holes: float) -> None:
    """Restated pixel by pixel: no black within two pixels, then nine tenths of what each latent samples."""
    rng = np.random.default_rng(seed)
    height, width = 8 * rows, 8 * columns
    preview = rng.integers(1, 256, (2, height, width, 3), dtype=np.uint8)
    preview[rng.random(preview.shape[:3]) < holes] = 0
    valid = np.pad((preview != 0).any(axis=-1), ((0, 0), (2, 2), (2, 2)), mode="reflect")
    eroded = np.ones((2, height, width), bool)
    for y, x in np.ndindex(5, 5):
        eroded &= valid[:, y : y + height, x : x + width]
    ours = scene_mask.latent_mask(scene_mask.not_black(preview))
    assert ours.shape == (1, 4, 2, rows, columns)
    for t, i, j in np.ndindex(2, rows, columns):
        y, x = i * (height - 1) / (rows - 1), j * (width - 1) / (columns - 1)
        top, left = min(int(y), height - 2), min(int(x), width - 2)
        four = eroded[t, top : top + 2, left : left + 2]
        coverage = np.array([1 - (y - top), y - top]) @ four @ np.array([1 - (x - left), x - left])
        if abs(coverage - 0.9) > 1e-4:
            assert (ours[0, :, t, i, j] == float(coverage >= 0.9)).all()


def opaque(height: int, width: int, value: int = 0) -> np.ndarray:
    preview = np.full((2, height, width, 4), value, dtype=np.uint8)
    preview[..., 3] = 255
    return preview


def test_black_pixels_are_not_holes() -> None:
    assert scene_mask.visible(opaque(32, 48)).min() == 1
    assert scene_mask.not_black(opaque(32, 48)).max() == 0, "which the published rule takes them for"


def test_partly_covered_pixels_are_holes() -> None:
    preview = opaque(32, 48, 200)
    preview[0, 10, 10, 3] = 254
    valid = scene_mask.visible(preview)
    assert valid[0, 10, 10] == 0
    assert scene_mask.eroded(valid)[0, 8:13, 8:13].max() == 0
    assert scene_mask.eroded(valid)[1].min() == 1


def test_holes_take_the_nearest_colour() -> None:
    preview = opaque(16, 16, 10)
    preview[:, :, 8:] = (90, 91, 92, 255)
    preview[0, :, 6:10] = (0, 0, 0, 0)
    preview[1] = 0
    filled = scene_mask.filled(preview)
    assert (filled[0, :, :8] == 10).all()
    assert (filled[0, :, 8:] == (90, 91, 92)).all()
    assert (filled[1] == 128).all(), "nothing to take a colour from"


def test_frames_survive_the_way_to_the_network() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 16, 3), dtype=np.uint8)
    back = scene_mask.to_frames(scene_mask.to_clip(frames))
    assert np.abs(back.astype(int) - frames).max() <= 1, "truncation may lose one level"
