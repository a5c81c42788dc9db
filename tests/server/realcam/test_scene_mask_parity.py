"""The preview's mask, step by step, against the published one, and where ours is meant to differ."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.realcam import scene_mask  # noqa: E402
from tests.server.parity import ParityKit  # noqa: E402


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
