"""How true the draft engine's fill is: the motorcycle seen from its right camera, beside the true right photo.

    python -m tests.measurements.draft_truth --picture draft_truth.png

Middlebury 2014 has a photo from both cameras of a stereo pair. The left one with its depth is the shot, its last frame
stands where the right photo was taken, and what the draft engine fills there is compared with that photo: peak
signal-to-noise ratio in dB and structural similarity. The same is told of two plain ways: each hole pixel as the
nearest seen one, and a biharmonic surface through the hole's border.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt
from skimage.data import stereo_motorcycle
from skimage.metrics import structural_similarity
from skimage.restoration import inpaint_biharmonic

from blender_addon.core.arrays import Bool, Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.demo.motorcycle import BASELINE, CX, DISPARITY_OFFSET, Motorcycle, motorcycle
from server.engines.draft.engine import DraftEngine
from server.geometry.preview import PreviewRenderer

RIGHT_EDGE = 60
"""Columns at the right of which the left photo tells nothing: their holes are not counted."""
VISIBLE = 128
"""Alpha from which a pixel of the preview is seen."""


@dataclass(frozen=True, eq=False)
class RightView:
    """What is compared.

    Attributes:
        truth: [H, W, 3] uint8, the photo of the right camera.
        seen: [H, W, 4] uint8, the left photo's mesh seen from there.
    """

    truth: UInt8
    seen: UInt8

    @property
    def hole(self) -> Bool:
        """[H, W] where the mesh is not seen."""
        return self.seen[..., 3] < VISIBLE

    @property
    def inner_hole(self) -> Bool:
        """[H, W] the hole without the columns at the right edge."""
        inner = self.hole.copy()
        inner[:, -RIGHT_EDGE:] = False
        return inner

    def psnr(self, picture: UInt8, where: Bool) -> float:
        """dB, of the pixels `where`."""
        error = picture[where].astype(float) - self.truth[where].astype(float)
        return float(10 * np.log10(255**2 / (error**2).mean()))

    def ssim(self, picture: UInt8) -> float:
        """Mean structural similarity in the inner hole."""
        _, similarity = structural_similarity(picture, self.truth, channel_axis=2, full=True)
        return float(similarity.mean(-1)[self.inner_hole].mean())


def stereo_shot(bike: Motorcycle) -> Shot:
    """Three frames from the left camera to the right one, the preview by the server's renderer."""
    height, width = bike.photo.shape[:2]
    poses = np.repeat(np.eye(4)[None], 3, axis=0)
    poses[:, 0, 3] = [0, BASELINE / 2, BASELINE]
    intrinsics = np.repeat(bike.intrinsics[None], 3, axis=0)
    intrinsics[1:, 0, 2] = [CX + DISPARITY_OFFSET / 2, CX + DISPARITY_OFFSET]
    trajectory = Trajectory(poses, intrinsics, width, height, fps=8.0)
    renderer = PreviewRenderer(bike.photo, depth_mesh(bike.depth, bike.intrinsics, (width, height), 0.05))
    preview = np.stack(list(renderer.frames(trajectory)))
    return Shot(trajectory, preview, bike.photo, bike.intrinsics, bike.depth, ShotSettings(engine="draft"))


def nearest_fill(view: RightView) -> UInt8:
    """[H, W, 3] each hole pixel as the nearest pixel that is seen."""
    rows, columns = distance_transform_edt(view.hole, return_distances=False, return_indices=True)
    return view.seen[rows, columns, :3]


def biharmonic_fill(view: RightView) -> UInt8:
    """[H, W, 3] a biharmonic surface through each hole's border."""
    filled: Float64 = inpaint_biharmonic(view.seen[..., :3], view.hole, channel_axis=-1, split_into_regions=True)
    return (filled * 255).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="write what is seen, the draft and the truth side by side")
    options = parser.parse_args()
    shot = stereo_shot(motorcycle())
    _, right, *_ = stereo_motorcycle()
    view = RightView(np.ascontiguousarray(right[..., :3]), shot.preview[-1])
    draft, seconds = _timed(lambda: DraftEngine().generate(shot, lambda _progress: None).frames[-1])
    print(f"seen {1 - view.hole.mean():.4f} of the frame, inner hole {view.inner_hole.mean():.4f}")
    print(f"PSNR of the draft where the mesh is seen: {view.psnr(draft, ~view.hole):.2f} dB")
    _tell("draft", view, draft, seconds)
    _tell("nearest", view, *_timed(lambda: nearest_fill(view)))
    _tell("biharmonic", view, *_timed(lambda: biharmonic_fill(view)))
    if options.picture is not None:
        seen = view.seen[..., :3] * ~view.hole[..., None]
        Image.fromarray(np.concatenate([seen, draft, view.truth], axis=1)).save(options.picture)


def _timed(make: Callable[[], UInt8]) -> tuple[UInt8, float]:
    begun = time.perf_counter()
    made = make()
    return made, time.perf_counter() - begun


def _tell(name: str, view: RightView, picture: UInt8, seconds: float) -> None:
    psnr, ssim = view.psnr(picture, view.inner_hole), view.ssim(picture)
    print(f"{name:11s}PSNR {psnr:6.2f} dB, SSIM {ssim:.4f} in the inner hole, {seconds:.1f} s")


if __name__ == "__main__":
    main()
