"""What a server takes, asked before anything is sent: pictures made smaller, the rest refused with its remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blender_addon.core.camera.projection import project
from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.server_limits import check_clip_limits, depth_within, picture_within, shot_within
from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.protocol.messages import Limits
from server.demo.motorcycle import Motorcycle
from tests.support.shots import small_shot

SMALL = Limits(photo_pixels=500)


def test_a_shot_is_brought_to_what_the_server_takes(bike: Motorcycle) -> None:
    """The server takes it, and each point of the scene is where it was in the photo."""
    shot = small_shot(bike)
    sent = shot_within(shot, SMALL)
    assert 400 < sent.photo.shape[0] * sent.photo.shape[1] <= SMALL.photo_pixels
    assert sent.depth.size <= SMALL.photo_pixels
    decode_shot(encode_shot(sent), SMALL)
    point, pose = np.array([[0.4, -0.2, 3.0]]), np.eye(4)
    before = project(point, shot.photo_intrinsics, pose)[0] / shot.photo_size
    np.testing.assert_allclose(project(point, sent.photo_intrinsics, pose)[0] / sent.photo_size, before, rtol=1e-12)
    assert shot_within(shot, Limits()).photo is shot.photo


def test_no_depth_appears_between_two_surfaces() -> None:
    depth = np.where(np.arange(100) < 50, 1.0, 9.0).astype(np.float32) * np.ones((60, 1), np.float32)
    small = depth_within(depth, SMALL)
    assert set(np.unique(small)) == {1.0, 9.0}
    assert abs((small == 1).mean() - 0.5) < 0.03
    assert picture_within(np.full((60, 100, 3), 7, np.uint8), SMALL).shape == (*small.shape, 3)


@pytest.mark.parametrize(
    ("limits", "asked", "said"),
    [
        ({"frames": 7}, {}, "It takes 7 frames of 2048 pixels a side at most."),
        ({"side": 100}, {}, "8 frames of 512 x 320. It takes 256 frames of 100 pixels a side at most."),
        ({"prompt": 3}, {}, "4 characters, allowed 3. Shorten it."),
        ({"payload_bytes": 5_000_000}, {}, "its preview alone has 5 MB, allowed 5. Make fewer frames"),
        ({}, {"fps": 1e6}, "allowed 0.01 to 1000. Set the scene's frame rate; on the command line --fps."),
        ({}, {"fps": float("nan")}, "nan frames a second"),
    ],
)
def test_what_cannot_be_made_smaller_is_refused(limits: dict[str, int], asked: dict[str, float], said: str) -> None:
    clip: dict[str, Any] = {"size": (512, 320), "frames": 8, "fps": 24.0, "prompts": ("rain",)}
    check_clip_limits(Limits(), **clip)
    with pytest.raises(ShotError) as raised:
        check_clip_limits(Limits(**limits), **{**clip, **asked})
    assert said in raised.value.sentence


def test_a_shot_that_is_too_large_as_a_whole_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(ShotError, match="Make fewer frames, or use a smaller photo"):
        shot_within(small_shot(bike), Limits(payload_bytes=10_000))
