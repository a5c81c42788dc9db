"""A whole training for tests: a small model's base, a tokenizer, posed clips of a room, and a configuration of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import save_file

from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.trajectory import Trajectory, inverse
from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, CollectionSummary
from server.evaluation.synthetic_room import film_room
from server.model.model import random_model
from server.model.tokenizer import END, START, ByteTokenizer
from server.model.weights import checkpoint
from server.model.weights.load import part_sources
from tests.support.model.reduced_model import TINY_256

NAME, SIDE, FRAMES = "kit-smaller", 64, 9
SMALLER = replace(
    TINY_256,
    name=NAME,
    unet=replace(TINY_256.unet, blocks=1),
    pose_encoder=replace(TINY_256.pose_encoder, blocks=1),
    resampler=replace(TINY_256.resampler, frames=3),
)
"""The variant, of which a step takes a fifth of a second."""


@dataclass(frozen=True)
class TinyTraining:
    """Files of a training.

    Attributes:
        folder: holds base, tokenizer and clips.
        out: folder of the run; the configuration is written beside it.
    """

    folder: Path
    out: Path

    def config(self, more: str = "", run: str = "", **changes: Any) -> Path:
        """Write the configuration.

        Args:
            more: tables; "" for no validation.
            run: lines of the table run.
            changes: keys before the tables.
        """
        given = {
            "variant": NAME,
            "base": str(self.folder / "base.safetensors"),
            "tokenizer": str(self.folder / "words"),
            "out": str(self.out),
            "size": [SIDE, SIDE],
        } | changes
        lines = [f"{key} = {value if isinstance(value, list) else repr(value)}" for key, value in given.items()]
        lines += ["[data]", f"train = {str(self.folder / 'train')!r}", "stride = [1, 2]", "workers = 0"]
        lines += ["[run]", "batch = 1", "precision = 'no'", run, more or "[validation]\nevery = 0"]
        file = self.out.with_name("training.toml")
        file.write_text("\n".join(lines))
        return file


def forget_precision() -> None:
    """Let accelerate, which has one precision a process, be asked for another one."""
    AcceleratorState._reset_state(reset_partial_state=True)


def write_tiny_training(folder: Path) -> TinyTraining:
    """Write base, tokenizer, and three clips to train on and two to validate; the variant must be made known."""
    model = random_model(SMALLER, ByteTokenizer(SMALLER.clip.vocabulary), seed=4)
    base: dict[str, torch.Tensor] = {}
    for name, found in part_sources(model.parts(), SMALLER).items():
        base |= checkpoint.to_published(found, model.parts()[name].state_dict())
    save_file(
        {key: t.clone().contiguous() for key, t in base.items() if not checkpoint.CAMERA_KEY.search(key)},
        folder / "base.safetensors",
    )
    words = folder / "words"
    words.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [START, END, *letters, *(f"{letter}</w>" for letter in letters)]
    (words / "vocab.json").write_bytes(msgspec.json.encode({token: i for i, token in enumerate(tokens)}))
    (words / "merges.txt").write_text("#version: 0.2\n")
    for split, names in (("train", "abc"), ("validation", "de")):
        _write_clips(folder, split, names)
    return TinyTraining(folder, folder / "out")


def _write_clips(folder: Path, split: str, names: str) -> None:
    records = folder / "aligned" / split
    records.mkdir(parents=True)
    (records / SUMMARY).write_bytes(msgspec.json.encode(CollectionSummary(kept=list(names), dropped=[], refused={})))
    for name in names:
        trajectory = _path(ord(name) - ord("a"))
        frames, depth = film_room(trajectory)
        clip = folder / split / name
        (clip / "depth").mkdir(parents=True)
        for i, frame in enumerate(frames):
            Image.fromarray(frame).save(clip / f"{i:04d}.png")
        Image.fromarray((depth[0] * 1000).round().astype(np.uint16)).save(clip / "depth" / "0000.png")
        (clip / "caption.txt").write_text(f"room {name}\n")
        record = AlignRecord(
            clip=name, fingerprint="", frames=FRAMES, scale=1.0, spread=0.0, votes=1, inliers=1, refusal="",
            frame_scales=[1.0] * FRAMES, smallest=1.0, largest=1.0, reprojection_error=None,
            camera_to_world=(inverse(trajectory.camera_to_world[:1]) @ trajectory.camera_to_world).tolist(),
            intrinsics=trajectory.intrinsics.tolist(),
        )  # fmt: skip
        (records / f"{name}.json").write_bytes(msgspec.json.encode(record))


def _path(number: int) -> Trajectory:
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 0.3 * (-1) ** number, FRAMES)
    poses[:, 2, 3] = np.linspace(0, 0.1 * number, FRAMES)
    return Trajectory(poses, intrinsics_from_fov(SIDE, SIDE, np.radians(70)), SIDE, SIDE)
