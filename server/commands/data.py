"""`realcam data`: clips with cameras, in metres."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.depth.depth_format import DepthFormat
from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, DepthOfClip, align_collection, summarise
from server.datasets.clip_frames import read_picture
from server.datasets.posed_clip import PosedClip, open_posed_clip
from server.datasets.scale_plot import plot_scales
from server.depth.catalogue import CARDS, load_predictor
from server.reconstruction.scale import DepthMap, DepthOfFrame
from server.terminal.plain_console import say

from .data_render import render
from .friendly_errors import friendly_errors
from .options.unread import refuse_unread
from .weights.predictor_weights import fetched

data_app = typer.Typer(add_completion=False, help="Clips with cameras, in metres.", no_args_is_help=True)


@data_app.callback()
def data() -> None:
    """Clips with cameras, in metres."""


data_app.command()(render)


@data_app.command()
def align(
    context: typer.Context,
    clips: Annotated[list[Path], typer.Argument(help="Folders of frames with a camera file, or 7-Scenes sequences.")],
    cameras: Annotated[Path | None, typer.Option(help="Camera file, when it is not inside the clip.")] = None,
    depth: Annotated[str, typer.Option(help="Folder of depth maps inside each clip, named like its frames.")] = "",
    depth_scale: Annotated[float, typer.Option(help="Metres for each stored unit; 0.001 for millimetres.")] = 0.001,
    predictor: Annotated[
        str, typer.Option(help="Depth predictor for clips without depth maps; see `realcam depth list`.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for records, summary and plot.")] = Path("aligned"),
) -> None:
    """Find how many metres one unit of each clip's cameras is; one record a clip, done clips are not done again."""
    refuse_unread(context, not predictor, "depth maps, without --predictor", "depth", "depth_scale")
    with friendly_errors():
        depth_of_clip = _predicted(predictor) if predictor else _stored
        depth_format = DepthFormat(scale=depth_scale)
        records = []
        for record, was_there in align_collection(
            clips,
            out,
            lambda clip: open_posed_clip(clip, cameras, clip / depth if depth else None, depth_format),
            depth_of_clip,
            settings=f"{cameras}|{depth}|{depth_scale}|{predictor}",
        ):
            records.append(record)
            say(_line(record, was_there))
            for note in record.notes:
                say(f"  {note}")
        summary = summarise(records)
        write_atomic(out / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=1))
        plot_scales(records, out / "scales.png")
    kept, dropped, refused = len(summary.kept), len(summary.dropped), len(summary.refused)
    say(f"{kept} kept, {dropped} dropped for a scale apart from the others', {refused} refused")
    say(f"Written: {out}")
    if not summary.kept:
        raise typer.Exit(2)


def _line(record: AlignRecord, was_there: bool) -> str:
    before = " (done before)" if was_there else ""
    if record.refusal:
        return f"{record.clip}: refused{before}. {record.refusal}"
    return (
        f"{record.clip}: {record.scale:.4g} m a unit, frames spread by {record.spread:.1%}, "
        f"{record.inliers} of {record.votes} points agree{before}"
    )


def _stored(clip: PosedClip) -> DepthOfFrame:
    return clip.depth


def _predicted(name: str) -> DepthOfClip:
    predictor = load_predictor(name, fetched(CARDS[name]) if name in CARDS else None)

    def of_clip(clip: PosedClip) -> DepthOfFrame:
        return lambda frame: DepthMap(predictor.predict(read_picture(clip.files[frame])).depth)

    return of_clip
