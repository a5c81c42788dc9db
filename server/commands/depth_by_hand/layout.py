"""`realcam depth layout`: a photo's depth from its ground, walls and cut-outs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from blender_addon.core.arrays import Float32
from blender_addon.core.depth.layout.camera_ground import read_fspy
from blender_addon.core.depth.layout.layout import DepthLayout, layout_json, read_layout
from blender_addon.core.depth.layout.layout_depth import layout_surfaces
from blender_addon.core.depth.layout.mixing import align_to_floor, mixed_depth
from blender_addon.core.depth.photo_checks import check_aspect, check_depth
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import ImportSettings
from server.depth.estimate import scene_size
from server.depth.layout_overlay import layout_overlay, line_spacing
from server.depth.photo_files import read_depth, read_photo, read_photo_size
from server.terminal.plain_console import say

from ..depth_output import save_picture, write_depth
from ..friendly_errors import friendly_errors
from ..options.depth_options import (
    DEPTH_MEANING,
    DepthChannelOption,
    DepthScaleOption,
    DepthUnitOption,
    DisparityOption,
    RelativeOption,
    depth_format,
)
from ..options.generate_options import DEPTH_FILE
from ..options.import_options import FocalOption, IntrinsicsOption, TrustUnitOption, read_intrinsics
from ..options.unread import refuse_unread
from .layout_options import (
    CameraHeightOption,
    CeilingOption,
    CutOutOption,
    EditsOption,
    FarthestOption,
    FspyOption,
    HorizonOption,
    MixingOption,
    OverlayOption,
    masked_cut_out,
    with_fspy_ground,
    with_ground_options,
    with_mixing,
)

NO_LAYOUT = "Give --edits, --fspy, --horizon, --cut-out or --camera-height: with none of them nothing is laid out."


def layout(
    context: typer.Context,
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    edits: EditsOption = None,
    horizon: HorizonOption = "",
    camera_height: CameraHeightOption = None,
    ceiling: CeilingOption = None,
    cut_out: CutOutOption = None,
    farthest: FarthestOption = "",
    fspy: FspyOption = None,
    base: Annotated[Path | None, typer.Option(help=f"Another depth of the photo to mix in. {DEPTH_FILE}")] = None,
    mixing: MixingOption = "",
    depth_scale: DepthScaleOption = None,
    depth_unit: DepthUnitOption = "",
    depth_channel: DepthChannelOption = "",
    disparity: DisparityOption = "",
    relative: RelativeOption = "",
    trust_unit: TrustUnitOption = False,
    focal_mm: FocalOption = None,
    intrinsics: IntrinsicsOption = "",
    overlay: OverlayOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="NPZ to write; else beside the photo.")] = None,
) -> None:
    """Depth without a network: ground, walls and cut-outs. Writes the same as `predict`, and the layout."""
    if edits is None and fspy is None and not horizon and not cut_out and camera_height is None:
        raise typer.BadParameter(NO_LAYOUT)
    refuse_unread(context, base is not None, "--base", *DEPTH_MEANING)
    meaning = depth_format(depth_scale, disparity, depth_unit, relative, depth_channel)
    settings = ImportSettings(focal_mm=focal_mm, intrinsics=read_intrinsics(context, intrinsics))
    with friendly_errors():
        size, exif_mm = read_photo_size(photo)
        laid_out = DepthLayout() if edits is None else read_layout(edits)
        camera = None if fspy is None else read_fspy(fspy, size)
        if camera is not None:
            laid_out = with_fspy_ground(laid_out, camera, camera_height)
            if settings.intrinsics is None and focal_mm is None:
                settings = replace(settings, intrinsics=camera.intrinsics[0].tolist())
        laid_out = with_mixing(with_ground_options(laid_out, horizon, camera_height, ceiling), farthest, mixing)
        masks = tuple(masked_cut_out(path, size) for path in cut_out or ())
        laid_out = replace(laid_out, cut_outs=(*laid_out.cut_outs, *masks))
        other = None if base is None else _read_base(base, size, read_depth(base, meaning, trust_unit=trust_unit))
        stored = None if base is None or other is None else (base, (other.shape[1], other.shape[0]))
        lens = settings.lens(size, exif_mm, stored)
        surfaces = layout_surfaces(laid_out, scene_size(*size), lens.intrinsics, size)
        depth = mixed_depth(laid_out, surfaces, other)
        target = out or photo.with_suffix(".depth.npz")
        write_depth(target, depth, lens)
        say(f"Seen: {surfaces.words}")
        beside = target.with_suffix(".layout.json")
        if edits is None or not beside.exists() or not beside.samefile(edits):
            beside.write_bytes(layout_json(laid_out))
            say(f"{beside}: the layout, for --edits")
        if overlay is not None and laid_out.ground is None:
            say(f"{overlay} is not drawn: its lines are metres on the ground, and the layout has none.", err=True)
        elif overlay is not None and laid_out.ground is not None:
            picture = layout_overlay(read_photo(photo).pixels, surfaces, laid_out.ground, lens.intrinsics)
            save_picture(overlay, picture)
            say(f"{overlay}: lines every {line_spacing(laid_out.ground.camera_height):g} m")
        if other is not None and laid_out.mixing == "align":
            say(f"Aligned: {align_to_floor(laid_out, surfaces, other).words}")


def _read_base(path: Path, photo_size: tuple[int, int], depth: Float32) -> Float32:
    try:
        check_aspect(photo_size, (depth.shape[1], depth.shape[0]))
        check_depth(depth)
    except PhotoError as error:
        raise PhotoError(f"{path.name}: {error.what}", error.why, error.remedy) from error
    return depth
