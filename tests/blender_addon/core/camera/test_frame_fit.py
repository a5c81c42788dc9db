"""The engine's frame contains the artist's, and the clip can be laid back to within rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.projection import intrinsics_matrix, project
from blender_addon.core.camera.trajectory import Trajectory, rotation_exp
from blender_addon.core.errors import CameraError
from server.demo.motorcycle import Motorcycle
from tests.support.takes import laid_back

sides = st.integers(16, 5000)
aspects = st.tuples(st.floats(0.5, 2.0), st.floats(0.5, 2.0))
fits = st.builds(FrameFit, st.tuples(sides, sides), st.tuples(sides, sides), aspects)


def artist_camera(fit: FrameFit, seed: int) -> Trajectory:
    """A shifted camera that is undistorted in square pixels: fx * aspect_x = fy * aspect_y."""
    random = np.random.default_rng(seed)
    (width, height), (aspect_x, aspect_y) = fit.artist_size, fit.pixel_aspect
    focal = random.uniform(0.5, 3) * width * aspect_x
    centre = random.uniform(0.2, 0.8, 2) * (width, height)
    pose = np.eye(4)
    pose[:3, :3] = rotation_exp(random.normal(0, 1, (1, 3)))[0]
    pose[:3, 3] = random.normal(0, 2, 3)
    return Trajectory(
        pose[None], intrinsics_matrix(focal / aspect_x, focal / aspect_y, centre[0], centre[1]), width, height
    )


@given(fits, st.integers(0, 2**31))
def test_point_lines_up_through_clip_scale(fit: FrameFit, seed: int) -> None:
    artist = artist_camera(fit, seed)
    engine = fit.trajectory(artist)
    random = np.random.default_rng(seed + 1)
    in_camera = np.concatenate([random.normal(0, 1, (20, 2)), random.uniform(0.5, 10, (20, 1))], axis=1)
    points = in_camera @ artist.camera_to_world[0, :3, :3].T + artist.centres[0]
    in_artist, _ = project(points, artist.intrinsics[0], artist.camera_to_world[0])
    in_engine, _ = project(points, engine.intrinsics[0], engine.camera_to_world[0])
    np.testing.assert_allclose(laid_back(fit, in_engine), in_artist, atol=1e-6, rtol=1e-9)


@given(fits, st.integers(0, 2**31))
def test_engine_has_square_pixels(fit: FrameFit, seed: int) -> None:
    engine = fit.trajectory(artist_camera(fit, seed))
    assert engine.intrinsics[0, 0, 0] == pytest.approx(engine.intrinsics[0, 1, 1])
    assert (engine.width, engine.height) == fit.engine_size


@given(fits)
def test_artist_frame_is_the_largest_that_fits(fit: FrameFit) -> None:
    x, y, width, height = fit.artist_rect
    assert x >= -1e-6
    assert y >= -1e-6
    assert min(x, y) == pytest.approx(0, abs=1e-6)
    assert x * 2 + width == pytest.approx(fit.engine_size[0])
    assert y * 2 + height == pytest.approx(fit.engine_size[1])
    assert width / height == pytest.approx(
        fit.artist_size[0] * fit.pixel_aspect[0] / (fit.artist_size[1] * fit.pixel_aspect[1])
    )


def test_known_case(bike: Motorcycle) -> None:
    height, width = bike.depth.shape
    fit = FrameFit((width, height), (512, 320))
    assert fit.engine_scale == pytest.approx((0.64, 0.64))  # 500 rows of the photo fill 320
    assert fit.artist_rect == pytest.approx(((512 - 474.24) / 2, 0, 474.24, 320))
    engine = fit.trajectory(Trajectory(np.eye(4)[None], bike.intrinsics, width, height))
    assert engine.intrinsics[0, 0, 0] == pytest.approx(994.978 * 0.64)


@pytest.mark.parametrize(
    ("artist", "aspect"), [((0, 10), (1.0, 1.0)), ((10, 10), (0.0, 1.0)), ((10, 10), (float("nan"), 1.0))]
)
def test_no_area_is_refused(artist: tuple[int, int], aspect: tuple[float, float]) -> None:
    with pytest.raises(CameraError, match="no area"):
        FrameFit(artist, (512, 320), aspect)


def test_other_sizes_are_refused() -> None:
    fit = FrameFit((100, 50), (512, 320))
    with pytest.raises(CameraError, match="another size"):
        fit.trajectory(Trajectory(np.eye(4)[None], intrinsics_matrix(50, 50, 50, 25), 200, 100))
