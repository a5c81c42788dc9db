"""Measure one depth network at full size with arbitrary weights, in its own process: seconds and peak memory.

`python -m server.bench.depth NAME THREADS RUNS`, NAME one of `realcam depth list`; prints one line of JSON.
"""

from __future__ import annotations

import sys
import time

import msgspec
import numpy as np
import torch
from transformers import DepthAnythingForDepthEstimation, DepthProForDepthEstimation

from blender_addon.core.arrays import UInt8
from server.bench.peak_memory import peak_memory
from server.depth import depth_anything, depth_pro
from server.depth.catalogue import CARDS
from server.depth.predictor import DepthPredictor

PHOTO = (1216, 822)
"""Width and height in pixels, a megapixel; the network's own size follows from it."""


class DepthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one depth network.

    Attributes:
        name: key in the catalogue.
        parameters: millions.
        made: seconds to build the network.
        seconds: of each prediction, including the photo's resizing to the network and back.
        sides: (width, height) of the predicted depth, pixels.
        threads: that torch used.
        peak_gib: peak memory of the whole process.
    """

    name: str
    parameters: float
    made: float
    seconds: list[float]
    sides: tuple[int, int]
    threads: int
    peak_gib: float


def measure(name: str, threads: int, runs: int) -> DepthFigures:
    """Predict a photo of noise several times; the weights make no difference to time and memory.

    Args:
        name: key in the catalogue.
        threads: that torch may use.
        runs: predictions to time.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    began = time.perf_counter()
    predictor, parameters = _with_arbitrary_weights(name)
    made = time.perf_counter() - began
    photo: UInt8 = np.random.default_rng(0).integers(0, 256, (PHOTO[1], PHOTO[0], 3), dtype=np.uint8)
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        depth = predictor.predict(photo).depth
        seconds.append(time.perf_counter() - began)
    return DepthFigures(
        name=name,
        parameters=parameters / 1e6,
        made=made,
        seconds=seconds,
        sides=(depth.shape[1], depth.shape[0]),
        threads=threads,
        peak_gib=peak_memory() / 2**30,
    )


def _with_arbitrary_weights(name: str) -> tuple[DepthPredictor, int]:
    """The predictor with the published architecture and arbitrary weights, and its number of parameters."""
    card, device = CARDS[name], torch.device("cpu")
    if name == "depth-pro":
        pro = DepthProForDepthEstimation(depth_pro.configuration())
        return depth_pro.DepthPro(card, pro, device), sum(p.numel() for p in pro.parameters())
    network = DepthAnythingForDepthEstimation(depth_anything.configuration(card))
    return depth_anything.DepthAnything(card, network, device), sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    figures = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(msgspec.json.encode(figures).decode())
