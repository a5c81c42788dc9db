"""Bad photos and depths are refused in sentences with the numbers that show it."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.depth.photo_checks import check_aspect, check_depth, check_faces
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import Motorcycle


@pytest.mark.parametrize("depth_size", [(741, 500), (185, 125), (256, 173), (1482, 1000), (371, 250)])
def test_depth_of_the_photos_aspect_fits_at_any_resolution(depth_size: tuple[int, int]) -> None:
    check_aspect((741, 500), depth_size)


def test_another_aspect_is_refused_with_both_sizes() -> None:
    with pytest.raises(PhotoError, match=r"photo 741 x 500, depth 640 x 640.*whole frame"):
        check_aspect((741, 500), (640, 640))


def test_a_turned_depth_is_called_turned() -> None:
    with pytest.raises(PhotoError, match="turned by 90 degrees"):
        check_aspect((741, 500), (500, 741))


def test_the_motorcycles_depth_passes(bike: Motorcycle) -> None:
    check_depth(bike.depth)


def test_all_unknown_depth_is_called_empty() -> None:
    with pytest.raises(PhotoError, match="empty: none of its 20 pixels"):
        check_depth(np.full((4, 5), np.nan, np.float32))


def test_negative_depth_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(PhotoError, match=r"not in front of the camera.*negative"):
        check_depth(-bike.depth)


def test_zero_depth_is_refused() -> None:
    with pytest.raises(PhotoError, match="20 are zero"):
        check_depth(np.zeros((4, 5), np.float32))


def test_a_few_negative_values_are_only_unknown(bike: Motorcycle) -> None:
    depth = bike.depth.copy()
    depth[:20] = -1
    check_depth(depth)


def test_points_without_a_surface_are_refused_with_a_way_out(bike: Motorcycle) -> None:
    lens = np.array([[900.0, 0, 370], [0, 900, 250], [0, 0, 1]])
    size = (bike.depth.shape[1], bike.depth.shape[0])
    lidar = np.full_like(bike.depth, np.nan)
    lidar[::4, ::4] = bike.depth[::4, ::4]
    with pytest.raises(PhotoError, match=r"6% of the mesh's points.*too sparse.*Estimate Depth"):
        check_faces(depth_mesh(lidar, lens, size))
    noise = np.random.default_rng(0).uniform(1, 9, (40, 60)).astype(np.float32)
    with pytest.raises(PhotoError, match="raise Depth Edge"):
        check_faces(depth_mesh(noise, lens, (60, 40), depth_edge=1e-6))
    check_faces(depth_mesh(bike.depth, lens, size))
