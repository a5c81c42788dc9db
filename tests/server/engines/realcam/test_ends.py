"""Where a clip of the engine `realcam` ends: a loop at its own beginning, an interpolation at the last image.

A tiny model of random weights, whose frames differ as much as frames can: only what is held is alike.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.arrays import UInt8
from blender_addon.core.progress import JobProgress

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.clip import pixels_sha256
from blender_addon.core.payloads.shot import Shot
from server.demo.motorcycle import Motorcycle
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sampling_options import trained_forms
from server.engines.realcam.sources import RandomWeights
from server.engines.shot_pictures import last_picture
from server.model.config import TINY
from server.model.model import random_model
from server.model.sampling import scene_mask
from server.model.tokenizer import ByteTokenizer
from server.model.weights.own_networks import PUBLISHED_WEIGHTS, NetworkFacts, OwnNetwork
from server.model.weights.weights_store import WeightsStore
from tests.support.shots import realcam_shot, sideways, with_options

WIDTH, HEIGHT = 128, 64
# In float32, as what clips are compared with is painted; what is taken by default differs from processor to processor.
BASE = {"steps": 2, "guidance": 1.0, "shaping": "off", "precision": "float32"}


def quiet(step: JobProgress) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(RandomWeights("tiny"))


def there_and_back(frames: int) -> Trajectory:
    """Away from the photo's camera and home again, in an odd number of frames."""
    out = sideways(frames // 2 + 1).camera_to_world
    return replace(sideways(frames, WIDTH, HEIGHT), camera_to_world=np.concatenate([out, out[-2::-1]]))


def closure(frames: UInt8) -> float:
    """How far the last frame is from the first, as a multiple of how far a frame is from the one before."""
    pictures = frames.astype(float)
    return float(np.abs(pictures[-1] - pictures[0]).mean() / np.abs(np.diff(pictures, axis=0)).mean())


@pytest.mark.parametrize("frames", [9, 19], ids=["one segment", "two segments"])
def test_a_loop_closes(engine: RealCamEngine, bike: Motorcycle, frames: int) -> None:
    """Its first and last frame are the same picture, also where they are made in different segments."""
    shot = realcam_shot(bike, there_and_back(frames), mode="loop", **BASE)
    loop = engine.generate(shot, quiet)
    free = engine.generate(with_options(shot, mode="auto"), quiet)
    assert len(loop.frames) == len(free.frames) == frames
    assert closure(loop.frames) < 0.05
    assert closure(free.frames) > 0.5, "which nothing but the mode does"


class WithOwn(RandomWeights):
    """A source that has a trained network, too."""

    def own(self) -> tuple[OwnNetwork, ...]:
        facts = NetworkFacts(variant=TINY.name, size=(WIDTH, HEIGHT), forms={"repeat": 0.7, "continue": 0.3})
        return (OwnNetwork("mine", facts, WeightsStore(Path("nowhere"))),)


def test_only_a_network_that_was_trained_for_a_form_is_told_in_it() -> None:
    assert trained_forms(WithOwn("tiny"), "mine") == ("repeat", "continue")
    assert trained_forms(WithOwn("tiny"), PUBLISHED_WEIGHTS) == ("repeat",)


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return realcam_shot(bike, sideways(5, WIDTH, HEIGHT), **BASE)


def as_the_model_paints(picture: UInt8) -> UInt8:
    """What its VAE, weights of the engine's own, gives back of a picture, in the clip's frame."""
    vae = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary)).vae
    clip = scene_mask.to_clip(last_picture(picture, (WIDTH, HEIGHT))[None])
    with torch.inference_mode():
        return scene_mask.to_frames(vae.decode(vae.encode(clip, None)))[0]


def test_an_interpolation_ends_at_the_last_image(engine: RealCamEngine, shot: Shot, bike: Motorcycle) -> None:
    """The last frame is that picture as far as the VAE can paint it, and no other; the clip says which it was."""
    mirrored = np.ascontiguousarray(bike.photo[::4, ::-4])
    ramp = np.tile(np.linspace(0, 255, 160).astype(np.uint8)[None, :, None], (80, 1, 3))
    painted = [as_the_model_paints(picture).astype(float) for picture in (mirrored, ramp)]
    errors = []
    for picture in (mirrored, ramp):
        clip = engine.generate(replace(shot, last_image=picture), quiet)
        errors.append([np.abs(clip.frames[-1] - other).mean() for other in painted])
        assert clip.metadata.last_image_sha256 == pixels_sha256(picture)
    assert max(errors[0][0], errors[1][1]) < 1.0
    assert min(errors[0][1], errors[1][0]) > 10.0
    free = engine.generate(shot, quiet)
    assert np.abs(free.frames[-1] - painted[0]).mean() > 10.0
    assert free.metadata.last_image_sha256 == ""
