"""The demo's picture and paths against its own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.realcam import published_demo as demo
from tests.server.parity import ParityKit

PICTURES = (
    "landscape_180x300_to_64x64",
    "wide_100x300_to_80x128",
    "tall_300x200_to_64x64",
    "tall_300x200_to_80x128",
    "small_40x50_to_80x128",
)


def tensor(values: Any) -> Any:
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.ascontiguousarray(values))


@pytest.mark.parametrize("name", PICTURES)
def test_picture(kit: ParityKit, name: str) -> None:
    g = kit.tensors("preprocess")
    source, _, target = name.split("_", 1)[1].partition("_to_")
    height, width = (int(n) for n in source.split("x"))
    target_height, target_width = (int(n) for n in target.split("x"))
    blocks = g[f"{name}.image_blocks"].numpy()
    photo = np.kron(blocks, np.ones((10, 10, 1), np.uint8))[:height, :width]
    made = demo.demo_picture(photo, (target_width, target_height))
    cases = {
        "video_frame0_uint8": made.frame.transpose(2, 0, 1),
        "K": made.intrinsics.astype(np.float32),
        "resized_HW": np.array(made.resized),
    }
    for short, ours in cases.items():
        kit.check("preprocess", f"{name}.{short}", tensor(ours), g[f"{name}.{short}"])


def test_paths(kit: ParityKit) -> None:
    g = {name: t.numpy() for name, t in kit.tensors("trajectory").items()}
    poses = g["c2w"]
    cases = {f"lerp{n}": demo.matrix_lerp(poses, n) for n in (16, 20, 5)}
    cases["loop16"] = demo.loop(poses)
    cases["trace_extract_0.5"] = demo.extract(poses, 0.5)
    for name, (a, b) in {"aNone_bNone": (0.5, 0.5), "a0.0_b0.2": (0.0, 0.2), "a0.8_b1.0": (0.8, 1.0)}.items():
        cases[f"bezier_{name}"] = demo.bezier_ease(poses, a, b)
        cases[f"bezier_curve_{name}"] = np.stack(demo.bezier_curve(len(poses), a, b))
    for name, ours in cases.items():
        kit.check("trajectory", name, tensor(ours), kit.tensors("trajectory")[name])


def test_ends_stay_and_rotations_shrink() -> None:
    turn = np.eye(4)
    turn[:3, :3] = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]
    poses = np.stack([np.eye(4), turn])
    between = demo.matrix_lerp(poses, 3)
    assert np.array_equal(between[[0, 2]], poses)
    assert np.linalg.det(between[1]) == 0.0, "half way of a half turn there is no rotation left"
