"""What must hold for any camera: rays that stand still, lines that contain the truth, masks that do not depend on
how they are made."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.properties import examples

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from blender_addon.core.camera.projection import project  # noqa: E402
from blender_addon.core.camera.trajectory import rotation_exp  # noqa: E402
from server.geometry.epipolar import epipolar_mask, epipolar_mask_rows, fundamental_matrices  # noqa: E402
from server.geometry.plucker import plucker_rays  # noqa: E402
from server.geometry.relative_poses import CORRECT, PUBLISHED, motion_directions, relative_poses  # noqa: E402

FRAMES, WIDTH, HEIGHT = 4, 192, 128
small = st.floats(-0.3, 0.3)


@st.composite
def cameras(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Poses [F, 4, 4] and intrinsics [F, 3, 3] that zoom."""
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, :3, :3] = rotation_exp(draw(arrays(np.float64, (FRAMES, 3), elements=small)))
    poses[:, :3, 3] = draw(arrays(np.float64, (FRAMES, 3), elements=st.floats(-1, 1)))
    focal = draw(arrays(np.float64, FRAMES, elements=st.floats(60, 400)))
    intrinsics = np.zeros((FRAMES, 3, 3))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = WIDTH / 2, HEIGHT / 2, 1
    return poses, intrinsics


def tensors(poses: np.ndarray, intrinsics: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(poses)[None], torch.from_numpy(intrinsics)[None]


def zoom() -> tuple[np.ndarray, np.ndarray]:
    """From 302 pixels to 60: what is half a pixel beside a cell's centre in one frame is 2.4 in another."""
    poses, intrinsics = np.tile(np.eye(4), (FRAMES, 1, 1)), np.zeros((FRAMES, 3, 3))
    poses[:, :3, 3] = [(-0.82, -1, -0.375), (-0.82, -0.82, -0.82), (-0.82, -0.82, -0.82), (0, -0.82, -0.82)]
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = (302, 60, 60, 63)
    intrinsics[:, :2, 2], intrinsics[:, 2, 2] = (WIDTH / 2, HEIGHT / 2), 1
    return poses, intrinsics


@examples(40)
@example(zoom())
@given(cameras())
def test_masks_contain_the_true_projection(camera: tuple[np.ndarray, np.ndarray]) -> None:
    """A ray through a cell's centre, cut at many depths: the cells it falls into elsewhere are open to that cell."""
    poses, intrinsics = camera
    fundamental = fundamental_matrices(*tensors(poses, intrinsics))
    for cell in (16, 32):
        columns, rows = WIDTH // cell, HEIGHT // cell
        cells = columns * rows
        mask = epipolar_mask(fundamental, HEIGHT, WIDTH, cell)[0].numpy()
        x, y = np.meshgrid(np.arange(columns) * cell + cell / 2, np.arange(rows) * cell + cell / 2)
        centres = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
        for here, there in itertools.permutations(range(FRAMES), 2):
            if np.linalg.norm(poses[here, :3, 3] - poses[there, :3, 3]) < 0.05:
                continue
            rays = centres @ np.linalg.inv(intrinsics[here]).T
            for depth in (1.0, 2.0, 4.0, 8.0, 30.0):
                world = (rays * depth) @ poses[here, :3, :3].T + poses[here, :3, 3]
                pixels, z = project(world, intrinsics[there], poses[there])
                seen = (z > 0.1) & (pixels >= 0).all(axis=1) & (pixels < (WIDTH, HEIGHT)).all(axis=1)
                column, row = (pixels[seen] // cell).astype(int).T
                query = here * cells + np.flatnonzero(seen)
                assert mask[query, there * cells + row * columns + column].all(), (cell, here, there, depth)


@examples(30)
@given(cameras())
def test_rows_are_the_dense_mask_s(camera: tuple[np.ndarray, np.ndarray]) -> None:
    fundamental = fundamental_matrices(*tensors(*camera))
    mask = epipolar_mask(fundamental, HEIGHT, WIDTH, 16)[0]
    rows = [epipolar_mask_rows(fundamental[0], frame, HEIGHT, WIDTH, 16) for frame in range(FRAMES)]
    assert torch.equal(torch.cat(rows), mask)


@examples(30)
@given(cameras())
def test_a_still_camera_sees_the_same_rays(camera: tuple[np.ndarray, np.ndarray]) -> None:
    poses, intrinsics = camera
    still = tensors(np.repeat(poses[:1], FRAMES, axis=0), np.repeat(intrinsics[:1], FRAMES, axis=0))
    rays = plucker_rays(*still, HEIGHT, WIDTH)
    assert torch.equal(rays, rays[:, :, :1].expand_as(rays))
    assert torch.allclose(rays[:, 3:].norm(dim=1), torch.ones(1, dtype=torch.float64))
    assert (rays[:, :3] * rays[:, 3:]).sum(dim=1).abs().max() < 1e-12, "the moment is across the ray"


@examples(30)
@given(cameras(), st.integers(0, FRAMES - 1), st.floats(0.1, 10))
def test_relative_poses_are_the_reference_s_view(
    camera: tuple[np.ndarray, np.ndarray], reference: int, scale: float
) -> None:
    poses = torch.from_numpy(camera[0])[None]
    relative = relative_poses(poses, torch.tensor([reference]), scale)
    assert torch.allclose(relative[0, reference], torch.eye(4, dtype=torch.float64), atol=1e-12)
    distances = (poses[0, :, :3, 3] - poses[0, reference, :3, 3]).norm(dim=1)
    assert torch.allclose(relative[0, :, :3, 3].norm(dim=1), distances * scale)


def test_a_frame_against_itself_is_decided_by_its_motion() -> None:
    """No randomness: a line through the cell along the camera's own motion; for a still camera, a level one."""
    poses = torch.eye(4, dtype=torch.float64).repeat(1, FRAMES, 1, 1)
    intrinsics = torch.tensor([[100.0, 0, 96], [0, 100, 64], [0, 0, 1]], dtype=torch.float64).expand(1, FRAMES, 3, 3)
    still = fundamental_matrices(poses, intrinsics)
    columns, cells = WIDTH // 16, (WIDTH // 16) * (HEIGHT // 16)
    own = epipolar_mask(still, HEIGHT, WIDTH, 16)[0, :cells, :cells].view(cells, -1, columns)
    for query in range(cells):
        assert own[query, query // columns].all(), "its own row"
        assert own[query].sum() == columns, "and no other"
    poses[0, :, 1, 3] = torch.arange(FRAMES)
    assert torch.allclose(motion_directions(poses), torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))
    first = fundamental_matrices(poses, intrinsics)
    assert torch.equal(first, fundamental_matrices(poses, intrinsics))


def test_the_published_self_mask_is_random() -> None:
    poses = torch.eye(4).repeat(1, FRAMES, 1, 1)
    intrinsics = torch.tensor([[100.0, 0, 96], [0, 100, 64], [0, 0, 1]]).expand(1, FRAMES, 3, 3)
    masks = []
    for seed in (0, 1):
        noise = torch.randn((1, FRAMES, FRAMES, 3), generator=torch.Generator().manual_seed(seed))
        masks.append(
            epipolar_mask(fundamental_matrices(poses, intrinsics, PUBLISHED, noise), HEIGHT, WIDTH, 16, PUBLISHED)
        )
    assert not torch.equal(*masks)
    with pytest.raises(ValueError, match="noise"):
        fundamental_matrices(poses, intrinsics, PUBLISHED)


def test_zooms_need_both_intrinsics() -> None:
    """With one camera's intrinsics on both sides, as published, a zoom's lines miss the truth."""
    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[1, 0, 3] = 0.5
    intrinsics = np.tile(np.array([[100.0, 0, 96], [0, 100, 64], [0, 0, 1]]), (2, 1, 1))
    intrinsics[1, 0, 0] = intrinsics[1, 1, 1] = 200.0
    point = np.array([[0.4, 0.6, 3.0]])
    pixels = [np.append(project(point, k, p)[0][0], 1.0) for k, p in zip(intrinsics, poses, strict=True)]
    correct = fundamental_matrices(*tensors(poses, intrinsics), CORRECT)[0, 0, 1].numpy() @ pixels[0]
    assert abs(correct @ pixels[1]) / np.linalg.norm(correct[:2]) < 1e-9
    noise = torch.zeros((1, 2, 2, 3))
    published = (
        fundamental_matrices(*tensors(poses, intrinsics), PUBLISHED, noise)[0, 0, 1].double().numpy() @ pixels[0]
    )
    assert abs(published @ pixels[1]) / np.linalg.norm(published[:2]) > 5.0
