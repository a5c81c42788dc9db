"""Interface and results of depth predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.errors import PhotoError


class PredictorError(PhotoError):
    """A depth predictor does not exist or cannot run here."""


class PredictorCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a person should know of a predictor before its weights are downloaded.

    Attributes:
        name: key in the catalogue.
        title: name for people.
        weights: repository on the Hugging Face hub.
        revision: the commit of it to take; "" for the one that is first downloaded.
        sha256: of its model.safetensors, in hex; "" for that of the first download.
        licence: of the weights, in words.
        commercial: whether the licence allows commercial use.
        bytes: size of the download.
        scenes: what it was trained for: "indoors", "outdoors" or "any".
        size: of the network, "Small", "Base" or "Large"; "" where it comes in one size.
        farthest: metres beyond which it cannot predict; None if unlimited.
        gives_focal: whether it predicts the field of view too.
    """

    name: str
    title: str
    weights: str
    licence: str
    commercial: bool
    bytes: int
    scenes: str
    size: str
    farthest: float | None
    gives_focal: bool
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class DepthEstimate:
    """The prediction for one photo.

    Attributes:
        depth: [h, w] float32 metres along z, with the photo's aspect, any size.
        intrinsics: [3, 3] float64, in pixels of the photo's own size; None when the predictor gives no field of view.
    """

    depth: Float32
    intrinsics: Float64 | None


class DepthPredictor(Protocol):
    """A loaded network that predicts metric depth."""

    @property
    def card(self) -> PredictorCard:
        """Name, licence and limits."""
        ...

    def predict(self, photo: UInt8) -> DepthEstimate:
        """Metric depth, and the lens if it is predicted, of a photo [H, W, 3] uint8 sRGB."""
        ...
