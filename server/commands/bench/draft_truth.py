"""`realcam bench draft-truth`: what the draft engine fills in beside what a second camera saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from server.bench.fill_truth.kitchen import FOLDER, kitchen_scenes
from server.bench.fill_truth.scenes import SCENES, TruthScene
from server.bench.fill_truth.table import DRAFT, Filled, filled_ways, mean_figures
from server.terminal.plain_console import PlainConsole, PlainTable, say


def draft_truth(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder of data: also frames of the red kitchen, sequences/ in it.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder for pictures: seen, each way, the truth.")] = None,
) -> None:
    """PSNR, SSIM and GMSD of the draft engine's fill and of other ways, in the pixels that come into sight.

    Beside outlines: within 3 pixels of where the preview ends or its depth jumps, on both sides.
    """
    if data is not None and not (data / FOLDER).is_dir():
        raise typer.BadParameter(f"{data / FOLDER} is no folder", param_hint="--data")
    found: list[Filled] = []
    with PlainConsole(stderr=True).status("filling"):
        for number, scene in enumerate(_scenes(data)):
            ways = list(filled_ways(scene))
            found += ways
            if pictures is not None:
                pictures.mkdir(parents=True, exist_ok=True)
                seen = scene.shot.preview[-1, ..., :3] * ~scene.hole[..., None]
                row = [seen, *(way.picture for way in ways), scene.truth]
                Image.fromarray(np.concatenate(row, axis=1)).save(pictures / f"{number:02d}.png")
    means = list(mean_figures(found))
    if as_json:
        say(json.dumps([asdict(mean) for mean in means], indent=2))
        return
    table = PlainTable("scene", "way", "PSNR", "SSIM", "GMSD", "beside outlines", "processor", show_edge=False)
    for mean in means:
        beside = f"{mean.beside_outlines_psnr:.2f} dB, {mean.beside_outlines_ssim:.3f}"
        likeness = (f"{mean.psnr:.2f} dB", f"{mean.ssim:.3f}", f"{mean.gmsd:.3f}")
        cells = (*likeness, beside, f"{mean.processor_seconds:.1f} s")
        table.add_row(mean.scene if mean.way == DRAFT else "", mean.way, *cells)
    PlainConsole().print(table)


def _scenes(data: Path | None) -> Iterator[TruthScene]:
    for make in SCENES:
        yield make()
    if data is not None:
        yield from kitchen_scenes(data)
