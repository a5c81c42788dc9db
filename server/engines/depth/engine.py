"""An engine that runs a depth predictor: a photo in, metric depth and lens out."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
import numpy as np

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.depth_request import DepthRequest, DepthResult
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import DEPTH_MODE, EngineCapability, PredictorFacts
from server.depth.catalogue import load_predictor
from server.depth.depth_weights import downloaded_weights, fetch_weights, in_megabytes
from server.depth.estimate import scene_depth_of
from server.depth.predictor import DepthEstimate, DepthPredictor, PredictorCard
from server.engines.engine import EngineNeeds
from server.engines.graphics_card import unused_card
from server.packages import absent_packages, install_command, models_download, unfit_torchvision

STEPS = 3
"""Progress steps of one request."""
NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
"""What PyTorch says when a GPU's or the machine's memory does not suffice."""
NEEDED = ("torch", "transformers")
"""Packages without which no predictor runs."""


class PredictorEngine:
    """A DepthEngine for one predictor. The network is loaded at its first photo and kept."""

    needs = EngineNeeds(faster_on_card=True)

    def __init__(self, card: PredictorCard, load: Callable[[], DepthPredictor] | None = None) -> None:
        """Keep a predictor to be loaded later.

        Args:
            card: the predictor.
            load: gives the loaded predictor; None to load it from the catalogue.
        """
        self._card = card
        self._load = load
        self._predictor: DepthPredictor | None = None

    @property
    def capability(self) -> EngineCapability:
        """What the predictor is, its licence, and why it cannot run on this machine, if it cannot."""
        card = self._card
        use = f", commercial use: {'yes' if card.commercial else 'no'}"
        lacks_packages = self._load is None and bool(absent_packages(NEEDED, extra="models"))
        return EngineCapability(
            name=card.name,
            label=card.title,
            description=f"Metric depth for {card.scenes}. Its weights ({card.bytes / 1e6:.0f} MB) are downloaded once, "
            f"from huggingface.co/{card.weights}",
            sizes=(),
            frame_counts=(),
            modes=(DEPTH_MODE,),
            needs_weights=True,
            licence=f"{card.licence}{use}",
            unavailable="" if self._load is not None else _missing(card),
            notice=unused_card() or msgspec.UNSET,
            predictor=PredictorFacts(
                scenes=card.scenes,
                size=card.size,
                licence=card.licence,
                commercial=card.commercial,
                download_bytes=card.bytes,
                downloaded=self._load is not None or (not lacks_packages and downloaded_weights(card) is not None),
                install=install_command("models") if lacks_packages else "",
                install_bytes=models_download() if lacks_packages else 0,
            ),
        )

    def estimate(self, request: DepthRequest, report: OnProgress) -> DepthResult:
        """The depth of a photo: predicted, scaled to the photo's lens, and cleaned.

        Args:
            request: the photo and the focal lengths known of it.
            report: called at each step; what it raises (Cancelled) ends the request.

        Raises:
            PredictorError: the predictor cannot run here, or its weights do not fit.
            WeightsError: the weights cannot be downloaded.
            EngineError: the memory does not suffice.
            PhotoError: the focal length that is used is not a positive number.
            Cancelled: the job was cancelled.
        """
        report(JobProgress(0, STEPS, "loading the network"))
        if self._predictor is None:
            self._predictor = self._load() if self._load is not None else self._published(report)
        report(JobProgress(1, STEPS, "predicting"))
        photo = np.ascontiguousarray(request.photo)
        estimate = self._predicted(self._predictor, photo)
        report(JobProgress(2, STEPS, "cleaning"))
        scene = scene_depth_of(estimate, self._card, photo, request.typed_mm, request.exif_mm)
        report(JobProgress(STEPS, STEPS, "done"))
        return DepthResult(
            depth=scene.cleaned.depth,
            before=scene.cleaned.before,
            cleaning_flags=scene.cleaned.cleaning_flags,
            intrinsics=scene.lens.intrinsics,
            focal_source=scene.lens.words,
            predictor=self._card.title,
            licence=self._card.licence,
        )

    def release(self) -> None:
        """Give back the memory of the network, see ReleasableEngine."""
        self._predictor = None

    def _predicted(self, predictor: DepthPredictor, photo: UInt8) -> DepthEstimate:
        """What the predictor makes of the photo.

        Raises:
            EngineError: the memory does not suffice.
        """
        try:
            return predictor.predict(photo)
        except RuntimeError as error:
            # torch.OutOfMemoryError is one; the CPU's allocator raises a plain one.
            if not any(words in str(error) for words in NO_MEMORY):
                raise
            reason = str(error).splitlines()[0]
        # Outside the handler, whose traceback holds on to what was computed.
        self._predictor = None
        raise EngineError(
            f"{self._card.title} does not fit the server's memory",
            reason,
            "Choose a smaller network, or close what else takes memory there.",
        )

    def _published(self, report: OnProgress) -> DepthPredictor:
        """The predictor with its published weights, which are downloaded first where they are not here."""
        weights = fetch_weights(self._card, in_megabytes(report))
        report(JobProgress(0, STEPS, "loading the network"))
        return load_predictor(self._card.name, weights)


def _missing(card: PredictorCard) -> str:
    """Why the predictor cannot run on this machine, and what to do; "" when it can."""
    absent = absent_packages(NEEDED, extra="models") or unfit_torchvision()
    if absent:
        return absent
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    if offline and downloaded_weights(card) is None:
        command = f"realcam weights get {card.name} --file PATH"
        return (
            f"its weights are not on this machine, which is offline (HF_HUB_OFFLINE): give it a copy with `{command}`"
        )
    return ""
