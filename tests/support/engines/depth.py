"""Depth predictors that know geometry instead of pictures, behind the engine that every predictor has."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.errors import EngineError
from blender_addon.core.protocol.capability import EngineCapability
from server.depth.catalogue import CARDS
from server.depth.predictor import DepthEstimate, PredictorCard
from server.engines.depth.engine import PredictorEngine
from server.engines.engine import AnyEngine

FOCAL_OF_WIDTH = 0.8


class Wall:
    """A wall that runs away to the right: 1 / depth falls from 1/2 to 1/4 per metre across the photo."""

    card: PredictorCard = CARDS["depth-anything-indoor-small"]
    gives_lens = False

    def predict(self, photo: UInt8) -> DepthEstimate:
        height, width = photo.shape[0] // 2, photo.shape[1] // 2
        inverse = 0.5 - 0.25 * (np.arange(width) + 0.5) / width
        depth = np.broadcast_to((1 / inverse).astype(np.float32), (height, width))
        return DepthEstimate(np.ascontiguousarray(depth), self.lens(photo))

    def lens(self, photo: UInt8) -> np.ndarray | None:
        return None


class WallWithLens(Wall):
    """The same, and it knows the field of view."""

    card = CARDS["depth-pro"]

    def lens(self, photo: UInt8) -> np.ndarray | None:
        height, width = photo.shape[:2]
        focal = FOCAL_OF_WIDTH * width
        return intrinsics_matrix(focal, focal, width / 2, height / 2)


class Refusing(Wall):
    """Says no in words."""

    card = CARDS["depth-anything-indoor-base"]

    def predict(self, photo: UInt8) -> DepthEstimate:
        raise EngineError("The photo is too dark", "mean 3 of 255", "Light it.")


class FirstTime(PredictorEngine):
    """Has its weights from its first photo on."""

    @property
    def capability(self) -> EngineCapability:
        said = super().capability
        assert said.facts is not None
        facts = msgspec.structs.replace(said.facts, downloaded=self._predictor is not None)
        return msgspec.structs.replace(said, predictor=facts)


class Corridor(Wall):
    card = CARDS["depth-anything-outdoor-small"]


def engines() -> dict[str, Callable[[], AnyEngine]]:
    made = {kind.card.name: PredictorEngine(kind.card, kind) for kind in (Wall, WallWithLens, Refusing)}
    # As the product has it: the weights and the library are not there.
    missing = PredictorEngine(CARDS["depth-anything-outdoor-large"])
    first_time = FirstTime(Corridor.card, Corridor)
    every = [*made.values(), missing, first_time]
    return {engine.capability.name: (lambda engine=engine: engine) for engine in every}


WALL, WALL_WITH_LENS, REFUSING, DOWNLOADS = (kind.card.name for kind in (Wall, WallWithLens, Refusing, Corridor))
