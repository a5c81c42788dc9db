"""What keeping the photo mends of a clip that drifted, where a second camera saw the truth: see docs/engines.md."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.arrays import Bool, UInt8
from server.bench.fill_truth.scenes import TruthScene, demo_scene, photo_shot
from server.engines.keep_seen import laid_back


@pytest.fixture(scope="module")
def scene() -> TruthScene:
    return demo_scene()


def with_cast(picture: UInt8) -> UInt8:
    """A fifth of the contrast less, and a red cast."""
    return np.clip(picture * 0.8 + [30, 12, 5], 0, 255).astype(np.uint8)


def psnr(picture: UInt8, truth: UInt8, where: Bool) -> float:
    error = picture[where].astype(float) - truth[where].astype(float)
    return float(10 * np.log10(255**2 / (error**2).mean()))


def steps(picture: UInt8, scene: TruthScene) -> float:
    """The mean difference of neighbours across the border of what is seen, of 255."""
    across = (scene.hole[:, 1:] != scene.hole[:, :-1]) & scene.counted[:, 1:] & scene.counted[:, :-1]
    return float(np.abs(np.diff(picture.astype(float), axis=1))[across].mean())


def test_a_cast_is_gone_and_there_is_no_seam(scene: TruthScene) -> None:
    preview = scene.shot.preview
    seen = ~scene.hole & scene.counted
    clip = np.stack([with_cast(preview[0, ..., :3]), with_cast(scene.truth)])
    kept = laid_back(clip, scene.shot, 0.5).frames[-1]
    assert psnr(clip[-1], scene.truth, seen) < 24
    assert psnr(kept, scene.truth, seen) > 29
    assert psnr(clip[-1], scene.truth, scene.newly_seen) < 25
    assert psnr(kept, scene.truth, scene.newly_seen) > 45
    pasted = np.where(scene.hole[..., None], clip[-1], preview[-1, ..., :3])
    assert steps(pasted, scene) > steps(scene.truth, scene) + 5
    assert steps(kept, scene) < steps(scene.truth, scene) + 1


def test_a_picture_beside_its_place_is_put_right_where_the_photo_is_seen(scene: TruthScene) -> None:
    seen = ~scene.hole & scene.counted
    clip = np.stack([np.roll(frame, 2, axis=1) for frame in (scene.shot.preview[0, ..., :3], scene.truth)])
    kept = laid_back(clip, scene.shot, 0.5).frames[-1]
    assert psnr(kept, scene.truth, seen) > psnr(clip[-1], scene.truth, seen) + 5
    assert steps(kept, scene) < steps(scene.truth, scene) + 1


def test_of_a_photo_that_is_too_small_the_colours_are_kept(scene: TruthScene) -> None:
    """A third of its size, laid over its full size: the clip's own detail is nearer to the truth."""
    photo = scene.shot.photo
    height, width = photo.shape[:2]
    small = np.asarray(Image.fromarray(photo).resize((width // 3, height // 3), Image.Resampling.BOX))
    lens = np.diag([1 / 3, 1 / 3, 1]) @ scene.shot.photo_intrinsics
    shot = photo_shot(small, scene.shot.depth, lens, scene.shot.trajectory)
    seen = shot.preview[0, ..., 3] == 255
    clip = np.stack([with_cast(photo)] * 2)
    colours, whole = (psnr(laid_back(clip, shot, detail).frames[0], photo, seen) for detail in (0.5, 0.0))
    assert psnr(clip[0], photo, seen) < whole - 2
    assert whole < colours - 3
