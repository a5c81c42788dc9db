"""Unknown depth beside a foreground: a sensor's shadow, mixed pixels, or the foreground itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.camera.projection import intrinsics_matrix, project
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.bench.draft import arc_shot
from server.engines.draft.completion import completed
from server.engines.draft.engine import DraftEngine
from tests.support.shots import away_from_outlines, rendered, truck

RED, GREEN = (200, 30, 20), (30, 160, 60)
SIZE = (96, 64)
INTRINSICS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
SQUARE = np.s_[20:44, 36:60]


def square_with_band(band_colour: tuple[int, int, int], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Photo and depth: a red square 1 m away before a green wall 2 m away, unknown depth on both its sides."""
    photo = np.empty((64, 96, 3), np.uint8)
    photo[:] = GREEN
    depth = np.full((64, 96), 2.0, np.float32)
    for band in (np.s_[20:44, 36 - width : 36], np.s_[20:44, 60 : 60 + width]):
        photo[band], depth[band] = band_colour, np.nan
    photo[SQUARE], depth[SQUARE] = RED, 1.0
    return photo, depth


def shot_of(photo: np.ndarray, depth: np.ndarray, metres: list[float]) -> Shot:
    trajectory = truck(metres, INTRINSICS, SIZE)
    preview = rendered(photo, depth, INTRINSICS, trajectory)
    return Shot(trajectory, preview, photo, INTRINSICS, depth, ShotSettings(engine="draft"))


def draft(shot: Shot) -> Clip:
    return DraftEngine().generate(shot, lambda _: None)


def test_a_shadow_of_the_backgrounds_colour_is_background() -> None:
    photo, depth = square_with_band(GREEN, 8)
    guess = completed(depth, photo.astype(np.float32))
    assert np.abs(guess[np.isnan(depth)] - 2).max() < 0.2


def test_a_rim_of_the_foregrounds_colour_is_foreground() -> None:
    photo, depth = square_with_band(RED, 8)
    guess = completed(depth, photo.astype(np.float32))
    assert np.abs(guess[np.isnan(depth)] - 1).max() < 0.1


def test_mixed_pixels_are_the_foregrounds_soft_outline() -> None:
    mixed = tuple(int(c) for c in np.mean([RED, GREEN], axis=0))
    photo, depth = square_with_band((mixed[0], mixed[1], mixed[2]), 2)
    guess = completed(depth, photo.astype(np.float32))
    assert np.abs(guess[np.isnan(depth)] - 1).max() < 0.1


def test_no_depth_between_two_surfaces_is_made_up() -> None:
    """A band of unknown depth that shows stripes of both sides is cut where the colours change."""
    photo, depth = square_with_band(RED, 12)
    photo[20:44, 24:30] = photo[20:44, 66:72] = GREEN
    guess = completed(depth, photo.astype(np.float32))
    assert (np.minimum(np.abs(guess - 1), np.abs(guess - 2)) < 0.1).all()
    np.testing.assert_allclose(guess[20:44, 24:30], 2, atol=0.1)


@pytest.mark.parametrize(
    ("band", "width"),
    [(side, width) for side in ("foreground", "background") for width in (1, 2, 4, 8)] + [("mixed", 1), ("mixed", 2)],
)
def test_no_foreground_colour_on_the_wall(band: str, width: int) -> None:
    """Whatever an unknown band shows, the wall that comes out from behind it is green."""
    mixed = tuple(np.mean([RED, GREEN], axis=0).astype(int).tolist())
    photo, depth = square_with_band({"foreground": RED, "background": GREEN, "mixed": mixed}[band], width)
    shot = shot_of(photo, depth, [0.0, 0.2, -0.2])
    clip = draft(shot)
    hole = shot.preview[..., 3] < 255
    for frame, metres in ((1, 0.2), (2, -0.2)):
        # Where the square and its bands stand, at 1 m, and one pixel for the outline.
        left, right = (column - round(80 * metres) for column in (36 - width, 60 + width))
        wall = hole[frame].copy()
        wall[:, max(left - 2, 0) : right + 2] = False
        wall[:, [0, -1]] = False
        assert wall.sum() > 100
        assert np.abs(clip.frames[frame][wall].astype(int) - GREEN).max() <= 30


@pytest.fixture(scope="module")
def tum(shared_data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A Kinect's photo, depth (metres) and intrinsics: chairs and a desk, with bands of unknown depth beside them."""
    folder = shared_data / "rgbd" / "tum"
    photo = np.asarray(Image.open(folder / "TUM_color.png").convert("RGB"))
    depth = np.asarray(Image.open(folder / "TUM_depth.png")).astype(np.float32) / 5000
    return photo, np.where(depth > 0, depth, np.nan).astype(np.float32), intrinsics_matrix(525, 525, 319.5, 239.5)


def test_nothing_is_invented_before_what_a_kinect_saw(tum: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """What comes into sight from one frame to the next was there before: no invented chair stood in its way."""
    photo, depth, intrinsics = tum
    shot = arc_shot(photo, depth, intrinsics, frames=4, size=(256, 160))
    clip = draft(shot)
    seen = away_from_outlines(shot, pixels=3)
    assert seen.mean() > 0.2
    np.testing.assert_array_equal(clip.frames[seen], shot.preview[..., :3][seen])
    differences = np.concatenate([_appearing(shot, clip, frame) for frame in range(1, 4)])
    assert len(differences) > 500
    assert np.median(differences) < 16


def _appearing(shot: Shot, clip: Clip, frame: int) -> np.ndarray:
    """Largest colour difference [n] of the points that `frame` sees and the one before does not, between the two."""
    t, (width, height) = shot.trajectory, (shot.trajectory.width, shot.trajectory.height)
    mesh = depth_mesh(shot.depth, shot.photo_intrinsics, shot.photo_size)
    triangles = mesh.all_triangles()
    fragments = rasterize(mesh.vertices, triangles, t.intrinsics[frame], t.camera_to_world[frame], (width, height))
    points = fragments.interpolate(triangles, mesh.vertices)[fragments.covered]
    pixels, _ = project(points, t.intrinsics[frame - 1], t.camera_to_world[frame - 1])
    column, row = np.floor(pixels).astype(int).T
    hidden = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    hidden[hidden] = shot.preview[frame - 1][row[hidden], column[hidden], 3] == 0
    now = clip.frames[frame][fragments.covered][hidden].astype(int)
    return np.asarray(np.abs(now - clip.frames[frame - 1][row[hidden], column[hidden]]).max(axis=-1))
