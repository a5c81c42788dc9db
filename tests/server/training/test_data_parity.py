"""The data set's choices against the published ones: frames, crops, intrinsics, metric poses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from blender_addon.core.camera.projection import intrinsics_matrix  # noqa: E402
from server.training.camera import in_half_precision, metric_poses  # noqa: E402
from server.training.data.camera_paths import CameraPaths  # noqa: E402
from server.training.data.crop import covering_crop, cropped_intrinsics, cropped_video  # noqa: E402
from server.training.data.frame_choice import ClipTooShort, choose_frames  # noqa: E402
from server.training.data.posed_clips import refusal  # noqa: E402
from server.training.data.samples import clip_sample  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402


@dataclass(frozen=True)
class Clip:
    """A clip in memory; frames that are not given are grey."""

    camera_to_world: Any
    intrinsics: Any
    scales: Any
    frames: dict[int, Any]
    size: tuple[int, int]
    fps: float = 30.0
    name: str = "clip"
    caption: str = ""
    fingerprint: str = ""
    frame_count: int = 1000

    def depth_of(self, index: int) -> None:
        del index

    def read(self, indices: Sequence[int]) -> Any:
        grey = np.full((self.size[1], self.size[0], 3), 128, np.uint8)
        return np.stack([self.frames.get(i, grey) for i in indices])


def test_frame_choice(training_kit: ParityKit) -> None:
    golden = training_kit.arrays("data")["frame_choice"].astype(int)
    rates = training_kit.arrays("data")["frame_choice.fps"]
    ours, fps = [], []
    for row, (source, _) in zip(golden.tolist(), rates.tolist(), strict=True):
        length, low, high, is_range, seed = row[:5]
        choice = choose_frames(length, (low, high) if is_range else low, random.Random(seed))
        drawn = random.Random(seed)
        stride = drawn.randint(low, high) if is_range else -1
        left = length - 15 * choice.stride - 1
        start = drawn.randint(0, left) if left > 0 else -1
        ours.append([*row[:5], stride, start, choice.stride, choice.first, choice.stride, choice.indices[-1]])
        fps.append([source, choice.fps(source)])
    training_kit.check("data", "frame_choice", ours)
    training_kit.check("data", "frame_choice.fps", fps)


@pytest.mark.parametrize("case", ["wide", "wide_rect", "tall", "odd"])
def test_a_sample(training_kit: ParityKit, case: str) -> None:
    g = training_kit.arrays("data")
    rows, frames = g[f"{case}.pose_rows"].astype(np.float64), g[f"{case}.source_frames"]
    seed, fps, height, width = g[f"{case}.seed_fps_resolution"].tolist()
    source = (frames.shape[2], frames.shape[1])
    world_to_camera = np.tile(np.eye(4), (len(rows), 1, 1))
    world_to_camera[:, :3] = rows[:, 7:].reshape(-1, 3, 4)
    (fx, fy, cx, cy), unit = rows[0, 1:5], (source[0], source[1])
    intrinsics = intrinsics_matrix(fx * unit[0], fy * unit[1], cx * unit[0], cy * unit[1])
    clip = Clip(
        np.linalg.inv(world_to_camera),
        np.tile(intrinsics, (len(rows), 1, 1)),
        g[f"{case}.per_frame_scale"].astype(np.float64),
        {},
        source,
        fps,
    )
    assert refusal(clip, 16) == ""
    size = (int(width), int(height))
    indices = clip_sample(clip, size, (1, 10), random.Random(int(seed))).choice.indices
    clip = replace(clip, frames={indices[0]: frames[0], indices[7]: frames[1]})
    sample = clip_sample(clip, size, (1, 10), random.Random(int(seed)), published=True)
    ours: dict[str, Any] = {
        "frame_indices": indices,
        "stride_fps": [sample.choice.stride, sample.fps],
        "video": sample.video[:, [0, 7]],
        "intrinsics": sample.paths.intrinsics[0],
        "w2c": torch.linalg.inv(sample.paths.camera_to_world)[0].float(),
        "sample_scale": sample.paths.frame_scales[0],
    }
    pixels = sample.paths.intrinsics[0].numpy()
    table = rows[indices].copy()
    table[:, 1:5] = np.stack([pixels[:, 0, 0], pixels[:, 1, 1], pixels[:, 0, 2], pixels[:, 1, 2]], axis=1)
    ours["camera_data"] = table.astype(np.float32)
    thrice = [
        torch.cat([t] * 3) for t in (sample.paths.camera_to_world, sample.paths.intrinsics, sample.paths.frame_scales)
    ]
    for suffix, paths in {"": CameraPaths(*thrice), ".float16_batch": in_half_precision(CameraPaths(*thrice))}.items():
        ours[f"relative_c2w{suffix}"] = metric_poses(paths, torch.tensor([0, 6, 15]))
    for name, value in ours.items():
        training_kit.check("data", f"{case}.{name}", value)


@pytest.mark.parametrize("source", [(83, 45), (90, 120), (128, 72)])
def test_the_mended_principal_point_is_where_its_pixel_went(source: tuple[int, int]) -> None:
    """A bright spot at the principal point is found at the mended one after the crop, wherever it is."""
    width, height = source
    spot = (int(0.47 * width), int(0.55 * height))
    frames = np.zeros((1, height, width, 3), np.uint8)
    frames[0, spot[1], spot[0]] = 255
    crop = covering_crop(source, (64, 40))
    video = cropped_video(frames, crop)[0, 0] + 1.0
    seen = cropped_intrinsics(intrinsics_matrix(50.0, 50.0, spot[0] + 0.5, spot[1] + 0.5), crop)
    total = float(video.sum())
    x = float((video.sum(dim=0) * (torch.arange(64) + 0.5)).sum()) / total
    y = float((video.sum(dim=1) * (torch.arange(40) + 0.5)).sum()) / total
    # The resize's antialiasing is a pixel wide.
    assert abs(x - seen[0, 2]) < 0.5
    assert abs(y - seen[1, 2]) < 0.5


def test_what_cannot_be_trained_on_is_said() -> None:
    poses, intrinsics = np.tile(np.eye(4), (20, 1, 1)), np.tile(np.eye(3), (20, 1, 1))
    good = Clip(poses, intrinsics, np.ones(20), {}, (64, 64))
    assert refusal(good, 16) == ""
    assert refusal(replace(good, camera_to_world=poses[:15]), 16) == "fewer than 16 poses"
    assert refusal(replace(good, frame_count=19), 16) == "fewer frames than poses"
    assert refusal(replace(good, scales=None), 16) == "no scale"
    assert refusal(replace(good, scales=np.zeros(20)), 16) == "a scale that is not above zero"
    assert refusal(replace(good, scales=np.ones(19)), 16) == "scales for another number of poses"
    mirrored = poses * np.array([1.0, 1.0, -1.0, 1.0])
    assert refusal(replace(good, camera_to_world=mirrored), 16) == "mirrored poses: left-handed axes are suspected"
    with pytest.raises(ClipTooShort, match="15 frames"):
        choose_frames(15, (1, 10), random.Random(0))
