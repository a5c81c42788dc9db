"""Outlines of foregrounds: the steps of the depth map's grid are not seen in a frame, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.engines.draft.cut_objects import cut_objects
from server.engines.draft.engine import DraftEngine
from server.engines.draft.outlines import Outlines
from tests.support.shots import rendered, truck

RED, GREEN = np.array((200, 30, 20)), np.array((30, 160, 60))
SIZE = (96, 64)
INTRINSICS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
DISC = (48.0, 32.0, 14.0)


def disc(width: int, height: int, scale: float = 1.0, samples: int = 8) -> np.ndarray:
    """[height, width] share of each pixel that a disc covers, in a picture of the size times `scale`."""
    x = (np.arange(width * samples) + 0.5) / (samples * scale)
    y = (np.arange(height * samples) + 0.5) / (samples * scale)
    inside = np.hypot(x[None, :] - DISC[0], y[:, None] - DISC[1]) < DISC[2]
    return inside.reshape(height, samples, width, samples).mean(axis=(1, 3))


def frames_of(photo: np.ndarray, depth: np.ndarray, metres: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The draft's frames and the previews."""
    trajectory = truck(metres, INTRINSICS, SIZE)
    preview = rendered(photo, depth, INTRINSICS, trajectory)
    shot = Shot(trajectory, preview, photo, INTRINSICS, depth, ShotSettings(engine="draft"))
    return DraftEngine().generate(shot, lambda _: None).frames.astype(float), preview


def disc_before_wall(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A red disc 1 m away before a green wall 2 m away: the photo, and its depth with fewer pixels."""
    share = disc(*SIZE)[..., None]
    photo = np.round(share * RED + (1 - share) * GREEN).astype(np.uint8)
    near = disc(round(SIZE[0] * scale), round(SIZE[1] * scale), scale) > 0.5
    return photo, np.where(near, 1.0, 2.0).astype(np.float32)


@pytest.mark.parametrize(("scale", "share_left"), [(1.0, 0.95), (0.5, 0.85), (0.25, 0.85)])
def test_an_outline_is_as_round_as_in_the_photo(scale: float, share_left: float) -> None:
    """The disc moves 8 columns to the left; beside its outline the frame is nearer to the truth than the preview."""
    frames, preview = frames_of(*disc_before_wall(scale), [0.0, 0.1])
    share = np.roll(disc(*SIZE), -8, axis=1)
    truth = share[..., None] * RED + (1 - share[..., None]) * GREEN
    y, x = np.mgrid[:64, :96] + 0.5
    band = np.abs(np.hypot(x - DISC[0] + 8, y - DISC[1]) - DISC[2]) < 1.5 / scale
    seen = preview[1, ..., 3:] / 255
    stepped = seen * preview[1, ..., :3] + (1 - seen) * GREEN
    assert np.abs(frames[1] - truth)[band].mean() < share_left * np.abs(stepped - truth)[band].mean()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_photo_seen_from_its_own_camera_is_the_photo(scale: float) -> None:
    photo, depth = disc_before_wall(scale)
    frames, preview = frames_of(photo, depth, [0.0, 0.1])
    covered = preview[0, ..., 3] == 255
    assert np.array_equal(frames[0][covered], preview[0, covered, :3])


def test_only_pixels_beside_an_outline_are_redrawn() -> None:
    frames, preview = frames_of(*disc_before_wall(1.0), [0.0, 0.1])
    y, x = np.mgrid[:64, :96] + 0.5
    # The foreground is continued two pixels beyond its outline, and its mesh ends between two pixels.
    away = np.abs(np.hypot(x - DISC[0] + 8, y - DISC[1]) - DISC[2]) > 5
    kept = away & (preview[1, ..., 3] == 255)
    assert kept.sum() > 3000
    assert np.array_equal(frames[1][kept], preview[1, kept, :3])


def test_a_reed_of_two_pixels_stays() -> None:
    photo, depth = np.broadcast_to(GREEN, (64, 96, 3)).astype(np.uint8), np.full((64, 96), 2.0, np.float32)
    photo[10:54, 47:49], depth[10:54, 47:49] = RED, 1.0
    frames, _ = frames_of(photo, depth, [0.0, 0.1])
    redness = (frames[1] - GREEN) @ (RED - GREEN) / ((RED - GREEN) ** 2).sum()
    assert redness[14:50, 37:43].sum(axis=1).min() > 1.2
    assert redness[14:50, 37:43].max(axis=1).min() > 0.5


def test_a_foreground_takes_the_colour_of_its_outline_from_inside() -> None:
    """Where the photo mixes both sides, the foreground is red alone."""
    photo, depth = disc_before_wall(1.0)
    outlines = Outlines.of(depth, 0.05)
    assert outlines is not None
    opacity, colour = outlines.soft(photo.astype(np.float32))
    edge = np.isfinite(outlines.inward) & (np.abs(outlines.inward) < 1)
    assert 0.3 < opacity[edge].mean() < 0.7
    # A pixel keeps what its own opacity gives it; beyond the outline all is red.
    assert np.abs(colour - RED)[edge & (outlines.inward < 0)].mean() < 12


def test_a_depth_map_without_edges_has_no_outline() -> None:
    assert Outlines.of(np.full((8, 8), 2.0, np.float32), 0.05) is None


@pytest.mark.parametrize("length", [3, 12, 25])
@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_an_object_that_the_border_cuts_is_told_from_a_floor(length: int, turned: int) -> None:
    """A floor that comes nearer below, and a post before it that the border cuts."""
    inverse = np.linspace(0.2, 0.6, 64, dtype=np.float32)[:, None].repeat(64, axis=1)
    inverse[-30:, 20 : 20 + length] = 1.0
    expected = np.zeros((64, 64), np.bool_)
    expected[-4:, 20 : 20 + length] = True
    found = cut_objects(np.ascontiguousarray(np.rot90(inverse, turned)), 4)
    assert np.array_equal(np.rot90(found, -turned), expected)


def test_what_fills_half_of_a_side_goes_on() -> None:
    """A table along the lower border is a surface, not an object that the border cuts."""
    inverse = np.full((64, 64), 0.3, np.float32)
    inverse[-20:, 10:50] = 1.0
    assert not cut_objects(inverse, 4).any()


def test_an_object_that_the_border_cuts_ends_there() -> None:
    """A red vase at the right border before a green wall: beside the photo there is the wall."""
    photo, depth = np.broadcast_to(GREEN, (64, 96, 3)).astype(np.uint8), np.full((64, 96), 2.0, np.float32)
    photo[24:44, 80:], depth[24:44, 80:] = RED, 1.0
    frames, preview = frames_of(photo, depth, [0.0, 0.1])
    # In frame 1 the wall ends at column 92, the vase 4 columns before it.
    beside = preview[1, ..., 3] == 0
    beside[:, :91] = False
    assert beside[26:42].sum() > 60
    assert np.abs(frames[1][beside] - GREEN).max() < 40
