"""An artist's clip in a network's and back: no pixel and no frame moves, whatever the size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import EngineError
from server.demo.motorcycle import Motorcycle
from server.engines.pipelines.fitting.clip_rule import ClipRule, padded_in_time
from tests.support.shots import small_shot

WAN = ClipRule(frame_step=4, multiple=16, most_frames=81, most_pixels=1280 * 720)
SANA = ClipRule(frame_step=8, multiple=32, most_frames=161, most_pixels=1280 * 704, only_size=(1280, 704))


@given(st.integers(1, 1000), st.sampled_from([4, 8]))
def test_frames_are_padded_to_what_the_network_makes(count: int, step: int) -> None:
    rule = ClipRule(step, 16, 81, 1)
    assert count <= rule.frames(count) < count + step
    assert rule.frames(count) % step == 1


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_a_size_lies_within_one_that_the_network_makes(width: int, height: int) -> None:
    fit = WAN.fit((width, height))
    left, top, inner_width, inner_height = fit.box
    assert fit.engine_size[0] % 16 == fit.engine_size[1] % 16 == 0
    assert fit.engine_size[0] * fit.engine_size[1] <= WAN.most_pixels
    assert left >= 0 <= top
    assert left + inner_width <= fit.engine_size[0]
    assert top + inner_height <= fit.engine_size[1]
    if not fit.scaled:
        assert max(fit.engine_size[0] - width, fit.engine_size[1] - height) < 16


@pytest.mark.parametrize("size", [(64, 40), (63, 41), (48, 32), (9, 100)])
def test_what_is_only_padded_comes_back_to_the_bit(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, size[1], size[0], 3), np.uint8)
    fit = WAN.fit(size)
    assert not fit.scaled
    assert np.array_equal(fit.back(fit.pictures(frames), 2), frames[:2]), "and the padding in time is cut off"


def test_a_size_too_large_is_scaled_and_comes_back_at_its_own() -> None:
    fit = WAN.fit((1920, 1080))
    assert fit.scaled
    assert fit.engine_size == (1280, 720)
    ramp = np.tile(np.linspace(0, 255, 1920).astype(np.uint8)[None, None, :, None], (1, 1080, 1, 3))
    back = fit.back(fit.pictures(ramp), 1)
    assert back.shape == ramp.shape
    assert np.abs(back.astype(int) - ramp).max() <= 2, "nothing moves sideways"


def test_a_network_of_one_size_gets_a_portrait_with_a_border() -> None:
    fit = SANA.fit((320, 512))
    assert fit.engine_size == (1280, 704)
    assert fit.box == (420, 0, 440, 704)
    assert fit.inside.sum() == 440 * 704
    assert fit.back(np.zeros((9, 704, 1280, 3), np.uint8), 9).shape == (9, 512, 320, 3)


@pytest.mark.parametrize("rule", [WAN, SANA])
def test_the_camera_sees_the_same_through_the_network_s_frame(bike: Motorcycle, rule: ClipRule) -> None:
    shot = small_shot(bike)
    fit = rule.fit((64, 40))
    fitted = fit.shot(shot)
    assert fitted.preview.shape[2:0:-1] == fit.engine_size
    point = np.array([0.3, -0.2, 2.0])
    here, there = (pixels[:2] / pixels[2] for s in (shot, fitted) for pixels in [s.trajectory.intrinsics[0] @ point])
    left, top, width, height = fit.box
    assert np.allclose(there, (left + here[0] * width / 64, top + here[1] * height / 40))
    assert fitted.preview[..., 3][:, fit.inside].min() == 255
    assert fitted.preview[..., 3][:, ~fit.inside].max(initial=0) == 0, "the border shows nothing of the photo"


def test_colours_of_what_is_transparent_do_not_leak_into_what_is_seen() -> None:
    preview = np.zeros((1, 1080, 1920, 4), np.uint8)
    preview[:, :, 960:] = (0, 200, 0, 255)
    preview[:, :, :960] = (255, 0, 255, 0)
    small = WAN.fit((1920, 1080)).pictures(preview)
    shown = small[small[..., 3] > 0]
    assert (shown[:, 0] <= 1).all()
    assert (shown[:, 1] >= 198).all()


def test_the_last_frame_is_repeated(bike: Motorcycle) -> None:
    shot = small_shot(bike, frames=4)
    padded = padded_in_time(shot, 5)
    assert len(padded.trajectory) == 5
    assert np.array_equal(padded.preview[3], padded.preview[4])
    assert np.array_equal(padded.preview[:4], shot.preview)
    assert padded_in_time(shot, 4) is shot


@pytest.mark.parametrize("shape", [(3, 48, 64, 3), (4, 32, 64, 3), (4, 48, 64)])
def test_other_frames_than_were_asked_for_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match=r"other frames than it was asked for.*in place of 4 of 64 x 48 pixels"):
        WAN.fit((64, 40)).back(np.zeros(shape, np.uint8), 4)
