"""The depth of a photo that came without one, estimated by a predictor that is installed."""

from __future__ import annotations

from blender_addon.core.payloads.import_request import ImportSettings
from blender_addon.core.progress import JobProgress, OnProgress
from server.depth.catalogue import CARDS, DEFAULT, load_predictor
from server.depth.depth_weights import downloaded_weights
from server.depth.estimate import SceneDepth, estimate_scene_depth
from server.depth.photo_files import PhotoFile
from server.depth.predictor import PredictorCard, PredictorError


def installed_predictor(name: str = "") -> PredictorCard:
    """The predictor of this name, or the first that is installed. Nothing is downloaded.

    Raises:
        PredictorError: there is none of this name, or none is installed.
    """
    if name and name not in CARDS:
        raise PredictorError("There is no such depth predictor", name, f"There are: {', '.join(CARDS)}.")
    asked = [name] if name else [DEFAULT, *CARDS]
    for candidate in asked:
        if downloaded_weights(CARDS[candidate]) is not None:
            return CARDS[candidate]
    card = CARDS[name or DEFAULT]
    raise PredictorError(
        "The photo came without its depth, and nothing here can estimate it",
        f"{card.title} is not installed" if name else "no depth predictor is installed",
        f"Name the depth's file with --depth, or run `realcam weights get {card.name}` ({card.bytes / 1e6:.0f} MB).",
    )


def estimated_depth(
    photo: PhotoFile, settings: ImportSettings, name: str, on_progress: OnProgress
) -> tuple[SceneDepth, tuple[str, ...]]:
    """The depth and lens of a photo, and what has to be said of them.

    Args:
        photo: the photo.
        settings: the lens that was typed, if one was.
        name: of the predictor; "" for the first that is installed.
        on_progress: told that it is estimated.

    Raises:
        PredictorError: none is installed, or it cannot be loaded.
        PhotoError: the typed focal length is not one.
        CameraError: the typed intrinsics are not a pinhole camera's.
    """
    card = installed_predictor(name)
    on_progress(JobProgress(0, 1, "Estimating depth"))
    predictor = load_predictor(card.name)
    scene = estimate_scene_depth(
        photo.pixels, predictor, settings.focal_mm, photo.focal_35mm, intrinsics=settings.typed_intrinsics
    )
    on_progress(JobProgress(1, 1, "Estimating depth"))
    use = "" if card.commercial else "; its weights are for non-commercial use"
    note = f"The depth was estimated by {card.title} ({card.licence}{use}): its metres are a guess."
    return scene, (note,)
