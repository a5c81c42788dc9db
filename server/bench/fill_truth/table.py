"""The draft engine's fill and other ways to fill the same holes, beside the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean

import numpy as np

from blender_addon.core.arrays import UInt8
from server.bench.fill_truth.measures import Likeness, likeness
from server.bench.fill_truth.other_ways import available_ways
from server.bench.fill_truth.scenes import TruthScene
from server.engines.draft.engine import DraftEngine

DRAFT = "draft"
"""The engine among the ways."""


@dataclass(frozen=True, eq=False)
class Filled:
    """One way's picture of a scene's last frame.

    Attributes:
        scene: its name.
        way: its name.
        picture: [H, W, 3] uint8.
        likeness: to the truth, in the pixels that come into sight.
        beside_outlines: to the truth, in the pixels beside outlines, seen or not.
        processor_seconds: that it took; the draft engine makes all frames of the shot in them.
    """

    scene: str
    way: str
    picture: UInt8
    likeness: Likeness
    beside_outlines: Likeness
    processor_seconds: float


def filled_ways(scene: TruthScene) -> Iterator[Filled]:
    """The draft engine's picture, then that of each other way there is on this machine."""

    def draft() -> UInt8:
        clip = DraftEngine().generate(scene.shot, lambda _: None)
        return np.ascontiguousarray(clip.frames[-1])

    yield _measured(scene, DRAFT, draft)
    seen, hole = scene.shot.preview[-1, ..., :3], scene.hole
    for name, way in available_ways().items():
        yield _measured(scene, name, partial(way, seen, hole))


def _measured(scene: TruthScene, way: str, make: Callable[[], UInt8]) -> Filled:
    began = time.process_time()
    picture = make()
    seconds = time.process_time() - began
    new, beside = (likeness(picture, scene.truth, where) for where in (scene.newly_seen, scene.beside_outlines))
    return Filled(scene.name, way, picture, new, beside, seconds)


@dataclass(frozen=True)
class MeanFigures:
    """One way's figures, as mean over the pairs of cameras of a scene; fields as those of Likeness and Filled."""

    scene: str
    way: str
    psnr: float
    ssim: float
    gmsd: float
    beside_outlines_psnr: float
    beside_outlines_ssim: float
    processor_seconds: float


def mean_figures(found: Sequence[Filled]) -> Iterator[MeanFigures]:
    """The figures of each scene and way, in the order in which they came first."""
    for scene, way in dict.fromkeys((f.scene, f.way) for f in found):
        same = [f for f in found if (f.scene, f.way) == (scene, way)]
        likenesses = [f.likeness for f in same]
        beside = [f.beside_outlines for f in same]
        yield MeanFigures(
            scene,
            way,
            psnr=mean(like.psnr for like in likenesses),
            ssim=mean(like.ssim for like in likenesses),
            gmsd=mean(like.gmsd for like in likenesses),
            beside_outlines_psnr=mean(like.psnr for like in beside),
            beside_outlines_ssim=mean(like.ssim for like in beside),
            processor_seconds=mean(f.processor_seconds for f in same),
        )
