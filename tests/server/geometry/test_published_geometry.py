"""The published camera geometry, written out once more entry by entry, against ours: any size, reference, lens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from blender_addon.core.camera.projection import project  # noqa: E402
from blender_addon.core.camera.trajectory import rotation_exp  # noqa: E402
from server.geometry.epipolar import epipolar_mask, fundamental_matrices  # noqa: E402
from server.geometry.plucker import plucker_rays  # noqa: E402
from server.geometry.relative_poses import PUBLISHED, relative_poses  # noqa: E402

SIZES = ((64, 64), (192, 128), (128, 192), (320, 192), (512, 320), (1024, 576))
"""(width, height), pixels."""


class Clip:
    """A random clip: world-to-camera [B, T, 4, 4], intrinsics that change, references, scales, noise."""

    def __init__(
        self, seed: int, size: tuple[int, int], batch: int = 2, frames: int = 3, mirrored: bool = False
    ) -> None:
        rng = np.random.default_rng(seed)
        self.width, self.height = size
        poses = np.tile(np.eye(4), (batch, frames, 1, 1))
        poses[..., :3, :3] = rotation_exp(rng.uniform(-0.4, 0.4, (batch * frames, 3))).reshape(batch, frames, 3, 3)
        if mirrored:
            poses[..., 0, :3] *= -1
        poses[..., :3, 3] = rng.uniform(-1, 1, (batch, frames, 3))
        # Two cameras at one place: their line is random.
        poses[0, 1, :3, 3] = poses[0, 0, :3, 3]
        self.world_to_camera = np.linalg.inv(poses)
        self.intrinsics = np.zeros((batch, frames, 3, 3))
        self.intrinsics[..., 0, 0] = rng.uniform(0.4, 2.0, (batch, frames)) * self.width
        self.intrinsics[..., 1, 1] = rng.uniform(0.4, 2.0, (batch, frames)) * self.width
        self.intrinsics[..., 0, 2] = self.width * rng.uniform(0.4, 0.6, (batch, frames))
        self.intrinsics[..., 1, 2] = self.height * rng.uniform(0.4, 0.6, (batch, frames))
        self.intrinsics[..., 2, 2] = 1
        self.reference = rng.integers(0, frames, batch)
        self.scale = float(rng.uniform(0.3, 2.0))
        self.frame_scales = rng.uniform(0.5, 3.0, (batch, frames))
        self.noise = rng.standard_normal((batch, frames, frames, 3))

    def relative(self) -> np.ndarray:
        """Restated: inverse(c2w[reference]) c2w[i], translations scaled."""
        result = np.empty_like(self.world_to_camera)
        for sample, reference in enumerate(self.reference):
            to_reference = self.world_to_camera[sample, reference]
            for frame, pose in enumerate(self.world_to_camera[sample]):
                result[sample, frame] = to_reference @ np.linalg.inv(pose)
                result[sample, frame, :3, 3] *= self.scale * self.frame_scales[sample, reference]
        return result

    def fundamental(self, relative: np.ndarray) -> np.ndarray:
        """Restated: K^-T [t]x R K^-1 with the key frame's K on both sides, a random t where there is none."""
        batch, frames = relative.shape[:2]
        result = np.empty((batch, frames, frames, 3, 3))
        for b, i, j in np.ndindex(batch, frames, frames):
            pair = np.linalg.inv(relative[b, j]) @ relative[b, i]
            x, y, z = pair[:3, 3] if np.abs(pair[:3, 3]).max() >= 1e-6 else self.noise[b, i, j] * 1e-6
            cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            inverse = np.linalg.inv(self.intrinsics[b, j])
            result[b, i, j] = inverse.T @ cross @ pair[:3, :3] @ inverse
        return result

    def ours(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Relative poses, intrinsics and fundamental matrices by our functions, float64 but for what they round."""
        relative = relative_poses(
            torch.linalg.inv(torch.from_numpy(self.world_to_camera)),
            torch.from_numpy(self.reference),
            self.scale,
            torch.from_numpy(self.frame_scales),
        )
        intrinsics = torch.from_numpy(self.intrinsics)
        return relative, intrinsics, fundamental_matrices(relative, intrinsics, PUBLISHED, torch.from_numpy(self.noise))


clips = st.builds(Clip, st.integers(0, 2**32 - 1), st.sampled_from(SIZES), mirrored=st.booleans())


@examples(40)
@given(clips)
def test_poses_and_fundamental_matrices(clip: Clip) -> None:
    relative, _, fundamental = clip.ours()
    restated = clip.relative()
    assert np.allclose(relative.numpy(), restated, atol=1e-9)
    expected = clip.fundamental(restated)
    norm = np.linalg.norm(expected, axis=(-2, -1), keepdims=True)
    assert np.allclose(fundamental.numpy() / norm, expected / norm, atol=1e-6)


@examples(15)
@given(clips, st.sampled_from([64, 32]))
def test_masks(clip: Clip, cell: int) -> None:
    """Cell by cell: nearer to the line than half a cell's diagonal, with the published cell centres."""
    _, _, fundamental = clip.ours()
    mask = epipolar_mask(fundamental, clip.height, clip.width, cell, PUBLISHED).numpy()
    columns, rows = clip.width // cell, clip.height // cell
    batch, frames = clip.reference.shape[0], clip.noise.shape[1]
    cells = columns * rows
    assert mask.shape == (batch, frames * cells, frames * cells)
    rng = np.random.default_rng(0)
    for _ in range(300):
        b, i, j = rng.integers(0, batch), rng.integers(0, frames), rng.integers(0, frames)
        (qx, qy), (kx, ky) = rng.integers(0, (columns, rows), (2, 2))
        centre = cell / 2 - 0.5
        line = fundamental[b, i, j].numpy() @ np.array([qx * cell + centre, qy * cell + centre, 1.0])
        distance = abs(line @ np.array([kx * cell + centre, ky * cell + centre, 1.0])) / np.hypot(line[0], line[1])
        if abs(distance - cell * np.sqrt(2) / 2) > 1e-6:
            near = distance < cell * np.sqrt(2) / 2
            assert mask[b, i * cells + qy * columns + qx, j * cells + ky * columns + kx] == near


@examples(25)
@given(clips, st.sampled_from([64, 32]))
def test_masks_contain_the_true_projection(clip: Clip, cell: int) -> None:
    """Points on the rays through cell centres, seen from the other frames, fall into cells that are open: with the
    geometry that is right for zooms, not the published one."""
    relative, intrinsics, _ = clip.ours()
    mask = epipolar_mask(fundamental_matrices(relative, intrinsics), clip.height, clip.width, cell).numpy()
    columns, rows = clip.width // cell, clip.height // cell
    frames, cells = clip.noise.shape[1], columns * rows
    x, y = np.meshgrid(np.arange(columns) * cell + cell / 2, np.arange(rows) * cell + cell / 2)
    centres = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    poses = relative.numpy()
    for b, i, j in np.ndindex(len(clip.reference), frames, frames):
        if np.linalg.norm(poses[b, i, :3, 3] - poses[b, j, :3, 3]) < 0.05:
            continue
        rays = centres @ np.linalg.inv(clip.intrinsics[b, i]).T
        for depth in (1.0, 3.0, 10.0):
            world = depth * rays @ poses[b, i, :3, :3].T + poses[b, i, :3, 3]
            pixels, z = project(world, clip.intrinsics[b, j], poses[b, j])
            inside = (z > 0.1) & ((pixels >= 0) & (pixels < (columns * cell, rows * cell))).all(axis=1)
            key = (pixels[inside] // cell).astype(int) @ np.array([1, columns])
            assert mask[b, i * cells + np.flatnonzero(inside), j * cells + key].all()


@examples(10)
@given(clips)
def test_rays(clip: Clip) -> None:
    relative, intrinsics, _ = clip.ours()
    rays = plucker_rays(relative, intrinsics, clip.height, clip.width).numpy()
    rng = np.random.default_rng(0)
    for _ in range(50):
        b, t = rng.integers(0, len(clip.reference)), rng.integers(0, clip.noise.shape[1])
        x, y = rng.integers(0, clip.width), rng.integers(0, clip.height)
        k, pose = clip.intrinsics[b, t], relative[b, t].numpy()
        seen = np.array([(x + 0.5 - k[0, 2]) / k[0, 0], (y + 0.5 - k[1, 2]) / k[1, 1], 1.0])
        direction = pose[:3, :3] @ (seen / np.linalg.norm(seen))
        assert np.allclose(rays[b, :, t, y, x], [*np.cross(pose[:3, 3], direction), *direction], atol=1e-9)


@examples(25)
@given(clips)
def test_a_sample_does_not_depend_on_its_batch(clip: Clip) -> None:
    relative, intrinsics, fundamental = clip.ours()
    for b in range(len(clip.reference)):
        noise = torch.from_numpy(clip.noise)[b : b + 1]
        alone = fundamental_matrices(relative[b : b + 1], intrinsics[b : b + 1], PUBLISHED, noise)
        assert torch.equal(alone[0], fundamental[b])
