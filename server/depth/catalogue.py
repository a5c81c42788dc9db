"""The depth predictors that exist, by name, and how to load one.

MoGe-2 is not among them: no package on a registry serves it.
"""

from __future__ import annotations

from pathlib import Path

from server.packages import install_remedy

from .depth_weights import downloaded_weights, get_again
from .predictor import DepthPredictor, PredictorCard, PredictorError

DEFAULT = "depth-anything-indoor-small"
"""The predictor used when none is named: small, quick without a GPU, and free for commercial use."""
TRAINED_WITH = "depth-anything-indoor-large"
"""The predictor whose scale the RealCam weights were trained with."""

_APACHE = "Apache 2.0"
# What the authors say of their Base and Large models; the cards of the metric ones say nothing or Apache 2.0.
_CC_BY_NC = "CC BY-NC 4.0"
_APPLE = "Apple ML Research Model: research only"


_PINNED: dict[str, tuple[str, str]] = {
    "depth-anything-indoor-small": (
        "8078d68a9c75a972131914f6afd0c1723be0da7f",
        "e990eb82fbf11b05b7813261196a2b841bdcf5a05f64396724a8987fa90504a3",
    ),
    "depth-anything-indoor-base": (
        "c6d9784685727bfc6d0a7b5452ce94afaee1e7f5",
        "8b902f5d9a8c8a9520f3a8c6a00afe442b464eff5aaf0cb405d1da721cd9f79f",
    ),
    "depth-anything-outdoor-small": (
        "fd2c22027eaf20374204f14099b8341e1925ad39",
        "ad065c77a7421ca55159a1f0db9433397a607690f2d76bb8a6fc54b1be7a3124",
    ),
}
"""The commit and the SHA-256 of model.safetensors, where several programs that use it publicly name the same ones.

The hub itself was not asked. A predictor that is not here is held to what is first downloaded (weights_lock.py).
"""


def _depth_anything(place: str, size: str, megabytes: int) -> PredictorCard:
    free = size == "Small"
    name = f"depth-anything-{place.lower()}-{size.lower()}"
    revision, sha256 = _PINNED.get(name, ("", ""))
    return PredictorCard(
        name=name,
        title=f"Depth Anything V2 Metric {place} {size}",
        weights=f"depth-anything/Depth-Anything-V2-Metric-{place}-{size}-hf",
        licence=_APACHE if free else _CC_BY_NC,
        commercial=free,
        bytes=megabytes * 1_000_000,
        scenes=f"{place.lower()}s",
        size=size,
        farthest=20.0 if place == "Indoor" else 80.0,
        gives_focal=False,
        revision=revision,
        sha256=sha256,
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


def load_predictor(
    name: str = DEFAULT, weights: Path | None = None, device: str | None = None, *, typed: bool = False
) -> DepthPredictor:
    """Load a predictor.

    Args:
        name: a key of CARDS.
        weights: a model.safetensors, a published .pth file or a folder for transformers; None for the downloaded ones.
        device: a torch device; None for a GPU if there is one, else the CPU.
        typed: whether the user typed the path of the weights.

    Raises:
        PredictorError: there is no such predictor, torch or transformers is missing, or the weights are not here or
            do not fit.
    """
    if name not in CARDS:
        raise PredictorError("There is no such depth predictor", name, f"There are: {', '.join(CARDS)}.")
    card = CARDS[name]
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise PredictorError(
            "Depth cannot be predicted on this machine",
            f"{error.name} is not installed",
            install_remedy("models"),
        ) from error
    chosen = weights or downloaded_weights(card)
    if chosen is None:
        raise PredictorError(
            f"The weights of {card.title} are not on this machine",
            f"they are {card.bytes / 1e6:.0f} MB to download",
            f"Run `realcam weights get {name}`.",
        )
    remedy = "Check the path that was typed." if typed else get_again(card)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        if name == "depth-pro":
            from .depth_pro import DepthPro

            return DepthPro.load(card, chosen, place)
        from .depth_anything import DepthAnything

        return DepthAnything.load(card, chosen, place)
    except OSError as error:
        raise PredictorError(
            f"The weights of {card.title} cannot be read",
            f"{chosen}: {(str(error).strip().splitlines() or [type(error).__name__])[0]}",
            remedy,
        ) from error
    except PredictorError as error:
        raise PredictorError(error.what, error.why, remedy) from error
