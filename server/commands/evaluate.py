"""`realcam evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import check_intrinsics
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.depth_mesh import known_depth
from blender_addon.core.payloads.shot_file import decode_shot
from blender_addon.core.printable import printable
from blender_addon.core.protocol.messages import Limits
from server.datasets.clip_frames import read_frames
from server.datasets.scale_plot import require_matplotlib
from server.depth.photo_files import read_depth
from server.evaluation.evaluate import DEFAULT_TRIALS, Method, camera_of_clip, evaluate_clip
from server.evaluation.frechet import i3d_features, video_distance
from server.evaluation.inputs import EvaluationInput, input_of_shot
from server.evaluation.records import ClipEvaluation, EvaluationReport, PublishedErrors
from server.evaluation.report import PUBLISHED_MEAN, collected, write_json, write_report
from server.reconstruction.scale import DepthMap
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .friendly_errors import friendly_errors
from .options.depth_options import (
    DEPTH_MEANING,
    DepthChannelOption,
    DepthScaleOption,
    DepthUnitOption,
    depth_format,
    numbers,
)
from .options.import_options import TrustUnitOption
from .options.unread import refuse_unread


def evaluate(
    context: typer.Context,
    clips: Annotated[list[Path], typer.Argument(help="Videos or folders of frames.")],
    reference: Annotated[
        Path | None, typer.Option(help="Camera the clips were to follow, in any format; else the one they carry.")
    ] = None,
    shot: Annotated[
        Path | None, typer.Option(help="The shot that made the clips, instead: camera, depth and preview in one file.")
    ] = None,
    depth: Annotated[
        Path | None, typer.Option(help="Metric depth of the photo, over the whole frame: makes the scale known.")
    ] = None,
    depth_scale: DepthScaleOption = None,
    depth_unit: DepthUnitOption = "",
    depth_channel: DepthChannelOption = "",
    trust_unit: TrustUnitOption = False,
    depth_intrinsics: Annotated[
        str, typer.Option(help="FX,FY,CX,CY of the depth, in its pixels, when it does not cover the whole frame.")
    ] = "",
    method: Annotated[
        Method,
        typer.Option(help="direct: align frames too small for features to the first one, whose depth is given."),
    ] = "features",
    trials: Annotated[int, typer.Option(min=1, help="Solves of each clip.")] = DEFAULT_TRIALS,
    json: Annotated[Path | None, typer.Option("--json", help="Write every number here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for a page with pictures.")] = None,
    real: Annotated[list[Path] | None, typer.Option(help="Real clips, for FVD; with --i3d.")] = None,
    i3d: Annotated[Path | None, typer.Option(help="TorchScript file of the I3D network, for FVD.")] = None,
) -> None:
    """Measure how well clips follow their camera: solve each clip and compare."""
    if reference is not None and shot is not None:
        raise typer.BadParameter("Give either --reference or --shot.")
    refuse_unread(context, shot is None, "--reference or the clip's own camera: a shot has its depth", "depth")
    refuse_unread(context, depth is not None, "--depth", "depth_intrinsics", *DEPTH_MEANING)
    refuse_unread(context, method == "features", "--method features: direct alignment solves once", "trials")
    if bool(real) != (i3d is not None):
        raise typer.BadParameter("FVD needs both --real and --i3d.")
    with friendly_errors():
        if report is not None:
            require_matplotlib()
        meaning = depth_format(depth_scale, "", depth_unit, channel=depth_channel)
        scene_depth = _depth_map(depth, meaning, trust_unit, _lens(depth_intrinsics))
        distance = None
        if i3d is not None and real:
            distance = video_distance(map(read_frames, real), map(read_frames, clips), i3d_features(i3d))
        found = []
        for clip in clips:
            given = _asked_by_shot(clip, shot) if shot else _asked_by_camera(clip, reference, scene_depth)
            found.append(evaluate_clip(given, trials, method=method))
            _say(found[-1])
        result = collected(found, distance)
        if json is not None:
            write_json(result, json)
        if report is not None:
            say(f"Report: {write_report(result, report)}")
    _tabulate(result)
    if result.failed_solves == result.solves:
        raise typer.Exit(2)


def _depth_map(file: Path | None, meaning: DepthFormat, trust_unit: bool, lens: Float64 | None) -> DepthMap | None:
    if file is None:
        return None
    return DepthMap(known_depth(read_depth(file, meaning, trust_unit=trust_unit)), lens)


def _lens(text: str) -> Float64 | None:
    if not text:
        return None
    lens = intrinsics_matrix(*numbers(text, "--depth-intrinsics", (4,)))
    check_intrinsics(lens[None])
    return lens


def _asked_by_camera(clip: Path, reference: Path | None, depth: DepthMap | None) -> EvaluationInput:
    frames = read_frames(clip)
    if reference is None:
        return EvaluationInput(_name(clip), frames, "its own camera", camera_of_clip(clip), depth)
    height, width = frames.shape[1:3]
    read = read_trajectory(reference, width, height)
    for note in read.notes:
        say(f"{reference.name}: {note}", err=True)
    return EvaluationInput(_name(clip), frames, _name(reference), read.trajectory, depth)


def _asked_by_shot(clip: Path, file: Path) -> EvaluationInput:
    return input_of_shot(_name(clip), read_frames(clip), _name(file), decode_shot(file.read_bytes(), Limits()))


def _name(path: Path) -> str:
    """A file's or folder's name as reports hold it."""
    return printable(path.resolve().name)


def _say(clip: ClipEvaluation) -> None:
    say(f"{clip.clip} ({clip.seconds:.0f} s)")
    for sentence in (*clip.findings, *clip.notes):
        say(f"  {sentence}")


def _tabulate(result: EvaluationReport) -> None:
    table = PlainTable(
        "clip", "RotErr", "TransErr rel", "CamMC rel", "TransErr abs", "CamMC abs", "scale", "solves failed"
    )
    for clip in result.clips:
        scale = "-" if clip.scale is None else f"{clip.scale:.4f}"
        table.add_row(clip.clip, *_figures(clip.errors), scale, f"{clip.failed} of {len(clip.trials)}")
    PlainConsole().print(table)
    for clip in result.clips:
        if len(clip.trials) > 1 and clip.published_mean is not None:
            figures = zip(("RotErr", "TransErr rel", "CamMC rel"), _figures(clip.published_mean), strict=False)
            numbers = ", ".join(f"{name} {figure}" for name, figure in figures)
            say(f"{clip.clip}, {PUBLISHED_MEAN}: {numbers}")
    if result.video_distance is not None:
        say(f"FVD {result.video_distance:.2f}")


def _figures(errors: PublishedErrors | None) -> list[str]:
    if errors is None:
        return ["-"] * 5
    values = (errors.rot_err, errors.trans_err_rel, errors.cam_mc_rel, errors.trans_err_abs, errors.cam_mc_abs)
    return ["-" if value is None else f"{value:.4f}" for value in values]
