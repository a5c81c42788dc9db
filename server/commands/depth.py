"""`realcam depth`: a photo's metric depth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.arrays import UInt8
from blender_addon.core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY, UNTOUCHED, Cleaning
from blender_addon.core.depth.depth_mesh import known_depth
from blender_addon.core.payloads.import_request import ImportSettings
from server.depth.catalogue import CARDS, DEFAULT, TRAINED_WITH, load_predictor
from server.depth.depth_weights import downloaded_weights
from server.depth.estimate import SceneDepth, cleaned_at_photo, estimate_scene_depth
from server.depth.overlay import cleaning_overlay
from server.depth.photo_files import read_depth, read_photo
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .depth_by_hand.calibrate import calibrate
from .depth_by_hand.geometry import geometry
from .depth_by_hand.layout import layout
from .depth_output import save_picture, write_depth
from .friendly_errors import friendly_errors
from .options.depth_options import (
    DepthChannelOption,
    DepthScaleOption,
    DepthUnitOption,
    DisparityOption,
    RelativeOption,
    depth_format,
)
from .options.generate_options import DEPTH_FILE
from .options.import_options import FocalOption, TrustUnitOption
from .weights.predictor_weights import fetched

depth_app = typer.Typer(
    add_completion=False,
    help="Metric depth of one photo: predicted, from a sensor, or laid out by hand.",
    no_args_is_help=True,
)
depth_app.command()(layout)
depth_app.command()(geometry)
depth_app.command()(calibrate)

OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="NPZ to write; else beside the photo.")]
RawOption = Annotated[bool, typer.Option("--raw", help="Do not clean.")]
OverlayOption = Annotated[Path | None, typer.Option(help="Picture of what cleaning touched.")]

STEPS = {"edges moved": MOVED, "flying": FLYING, "outliers": OUTLIER, "sky": SKY}


@depth_app.command("list")
def list_predictors() -> None:
    """The predictors, what they are for, whether their weights are here, and under which licence those are."""
    table = PlainTable("name", "scenes", "download", "here", "licence of the weights", "commercial use")
    table.columns[0].no_wrap = True
    for card in CARDS.values():
        download = f"{card.bytes / 1e6:.0f} MB"
        here = "no" if downloaded_weights(card) is None else "yes"
        table.add_row(card.name, card.scenes, download, here, card.licence, "yes" if card.commercial else "no")
    console = PlainConsole()
    console.print(table)
    console.print(
        f"Default: {DEFAULT}. The weights of the engine realcam were trained with the scale of {TRAINED_WITH}.",
        highlight=False,
    )


@depth_app.command()
def predict(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    out: OutOption = None,
    predictor: Annotated[str, typer.Option(help="One of `realcam depth list`.")] = DEFAULT,
    weights: Annotated[
        Path | None,
        typer.Option(help="Your own model.safetensors, .pth or folder; else downloaded once."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="torch device; a GPU if there is one.")] = None,
    focal_mm: FocalOption = None,
    raw: RawOption = False,
    overlay: OverlayOption = None,
) -> None:
    """Predict a photo's depth: NPZ with `depth` (metres) and `intrinsics` (pixels of the photo)."""
    with friendly_errors():
        read = read_photo(photo)
        chosen = weights or (fetched(CARDS[predictor]) if predictor in CARDS else None)
        network = load_predictor(predictor, chosen, device, typed=weights is not None)
        cleaning = UNTOUCHED if raw else Cleaning()
        scene = estimate_scene_depth(read.pixels, network, focal_mm, read.focal_35mm, cleaning)
        _write(read.pixels, scene, out or photo.with_suffix(".depth.npz"), overlay)
    if not network.card.commercial:
        say(f"These weights are for non-commercial use: {network.card.licence}.")


@depth_app.command()
def clean(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    depth: Annotated[Path, typer.Argument(help=f"{DEPTH_FILE} Of any size.")],
    depth_scale: DepthScaleOption = None,
    depth_unit: DepthUnitOption = "",
    depth_channel: DepthChannelOption = "",
    disparity: DisparityOption = "",
    relative: RelativeOption = "",
    trust_unit: TrustUnitOption = False,
    out: OutOption = None,
    focal_mm: FocalOption = None,
    raw: RawOption = False,
    overlay: OverlayOption = None,
) -> None:
    """Bring a sensor's depth (a phone's LiDAR) to the photo's size and clean it; writes the same as `predict`."""
    with friendly_errors():
        read = read_photo(photo)
        height, width = read.pixels.shape[:2]
        meaning = depth_format(depth_scale, disparity, depth_unit, relative, depth_channel)
        stored = known_depth(read_depth(depth, meaning, trust_unit=trust_unit))
        settings, stored_size = ImportSettings(focal_mm=focal_mm), (stored.shape[1], stored.shape[0])
        lens = settings.lens((width, height), read.focal_35mm, (depth, stored_size))
        cleaned = cleaned_at_photo(stored, read.pixels, lens.intrinsics, UNTOUCHED if raw else Cleaning())
        scene = SceneDepth(cleaned, lens)
        _write(read.pixels, scene, out or photo.with_suffix(".depth.npz"), overlay)


def _write(photo: UInt8, scene: SceneDepth, target: Path, overlay: Path | None) -> None:
    write_depth(target, scene.cleaned.depth, scene.lens)
    shares = {name: float(scene.cleaned.mask(bit).mean()) for name, bit in STEPS.items()}
    say("Cleaned: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    if overlay is not None:
        save_picture(overlay, cleaning_overlay(photo, scene.cleaned))
