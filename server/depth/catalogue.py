"""The depth predictors that exist, by name, and how to load one.

MoGe-2 is not among them: no package on a registry serves it.
"""

from __future__ import annotations

from pathlib import Path

from .predictor import DepthPredictor, PredictorCard, PredictorError

DEFAULT = "depth-anything-indoor-small"
"""The predictor used when none is named: small, quick without a GPU, and free for commercial use."""
TRAINED_WITH = "depth-anything-indoor-large"
"""The predictor whose scale the RealCam weights were trained with."""

_APACHE = "Apache 2.0"
# What the authors say of their Base and Large models; the cards of the metric ones say nothing or Apache 2.0.
_CC_BY_NC = "CC BY-NC 4.0"
_APPLE = "Apple ML Research Model: research only"


def _depth_anything(place: str, size: str, megabytes: int) -> PredictorCard:
    free = size == "Small"
    return PredictorCard(
        name=f"depth-anything-{place.lower()}-{size.lower()}",
        title=f"Depth Anything V2 Metric {place} {size}",
        weights=f"depth-anything/Depth-Anything-V2-Metric-{place}-{size}-hf",
        licence=_APACHE if free else _CC_BY_NC,
        commercial=free,
        bytes=megabytes * 1_000_000,
        scenes=f"{place.lower()}s",
        size=size,
        farthest=20.0 if place == "Indoor" else 80.0,
        gives_focal=False,
    )


CARDS: dict[str, PredictorCard] = {
    card.name: card
    for card in (
        *(
            _depth_anything(place, size, megabytes)
            for place in ("Indoor", "Outdoor")
            for size, megabytes in (("Small", 99), ("Base", 390), ("Large", 1341))
        ),
        PredictorCard(
            name="depth-pro",
            title="Depth Pro",
            weights="apple/DepthPro-hf",
            licence=_APPLE,
            commercial=False,
            bytes=1_904_000_000,
            scenes="any",
            size="",
            farthest=None,
            gives_focal=True,
        ),
    )
}
"""Every predictor by name, DEFAULT first: the order in which they are offered."""


def load_predictor(name: str = DEFAULT, weights: Path | None = None, device: str | None = None) -> DepthPredictor:
    """Load a predictor.

    Args:
        name: a key of CARDS.
        weights: a published .pth file or a folder for transformers; None to download the published weights once.
        device: a torch device; None for a GPU if there is one, else the CPU.

    Raises:
        PredictorError: there is no such predictor, torch or transformers is missing, or the weights cannot be had or do
            not fit.
    """
    if name not in CARDS:
        raise PredictorError("There is no such depth predictor", name, f"There are: {', '.join(CARDS)}.")
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise PredictorError(
            "Depth cannot be predicted on this machine",
            f"{error.name} is not installed",
            "Run `uv sync --extra models`.",
        ) from error
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        if name == "depth-pro":
            from .depth_pro import DepthPro

            return DepthPro.load(CARDS[name], weights, place)
        from .depth_anything import DepthAnything

        return DepthAnything.load(CARDS[name], weights, place)
    except OSError as error:  # what the hub raises for no network, no such repository, no such file
        raise PredictorError(
            f"The weights of {CARDS[name].title} cannot be had",
            str(error).strip().splitlines()[0],
            "Check the connection, or give a local copy with --weights.",
        ) from error
