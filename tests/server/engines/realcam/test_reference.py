"""The frame that stands where the photo was taken shows the photo itself, wherever in the clip it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.arrays import UInt8

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from server.demo.motorcycle import Motorcycle
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights
from server.engines.shot_pictures import engine_picture
from server.model.config import TINY
from server.model.model import random_model
from server.model.sampling import scene_mask
from server.model.tokenizer import ByteTokenizer
from tests.support.shots import realcam_shot, sideways

WIDTH, HEIGHT, FRAMES, HOME = 128, 64, 5, 2


def as_the_model_paints(pictures: UInt8) -> UInt8:
    """What its VAE, weights of the engine's own, gives back of [F, H, W, 3]."""
    vae = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary)).vae
    with torch.inference_mode():
        return scene_mask.to_frames(vae.decode(vae.encode(scene_mask.to_clip(pictures), None)))


@pytest.mark.parametrize(("faithful", "at"), [(False, HOME), (True, 0)], ids=["correct", "as published"])
def test_the_preview_gives_way_to_the_photo_there(bike: Motorcycle, faithful: bool, at: int) -> None:
    """A preview of something else, held in every step: the photo stands in one frame of it. The published code takes
    that to be the first, wherever the camera is."""
    trajectory = sideways(FRAMES, WIDTH, HEIGHT)
    poses = trajectory.camera_to_world.copy()
    poses[:, 0, 3] -= poses[HOME, 0, 3]
    options = {"steps": 2, "guidance": 1.0, "shaping": "clean", "shaping_until": 0, "faithful": faithful}
    shot = realcam_shot(bike, replace(trajectory, camera_to_world=poses), **options)
    preview = np.full((FRAMES, HEIGHT, WIDTH, 4), 255, np.uint8)
    preview[..., :3] = np.linspace(0, 255, WIDTH).astype(np.uint8)[:, None]
    # Something must be left to make.
    preview[-1, :, :32, 3] = 0
    frames = RealCamEngine(RandomWeights("tiny")).generate(replace(shot, preview=preview), lambda _: None).frames
    photo = engine_picture(shot, shot.trajectory.intrinsics[HOME])
    painted_photo, painted_preview = as_the_model_paints(np.stack([photo, preview[0, ..., :3]])).astype(float)
    shows_photo = [
        bool(np.abs(frame - painted_photo).mean() < np.abs(frame - painted_preview).mean()) for frame in frames[:-1]
    ]
    assert shows_photo == [frame == at for frame in range(FRAMES - 1)]
