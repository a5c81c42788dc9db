"""`realcam depth`: a photo's metric depth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from blender_addon.core.errors import RealCamError
from server.data.photo_files import read_photo
from server.depth.catalogue import CARDS, DEFAULT, DEFAULT_ON_CPU, load_predictor

depth_app = typer.Typer(help="Metric depth from one photo.", no_args_is_help=True)


@depth_app.command("list")
def list_predictors() -> None:
    """The predictors, what they are for and under which licence their weights are."""
    table = Table("name", "scenes", "download", "licence of the weights", "commercial use")
    table.columns[0].no_wrap = True
    for card in CARDS.values():
        download = f"{card.bytes / 1e6:.0f} MB"
        table.add_row(card.name, card.scenes, download, card.licence, "yes" if card.commercial else "no")
    console = Console()
    console.print(table)
    console.print(f"Default: {DEFAULT}. Without a GPU, {DEFAULT_ON_CPU} is much faster.", highlight=False)


@depth_app.command()
def predict(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="NPZ to write; beside the photo if not given.")
    ] = None,
    predictor: Annotated[str, typer.Option(help="One of `depth list`.")] = DEFAULT,
    weights: Annotated[Path | None, typer.Option(help="Local weights: a published .pth or a folder.")] = None,
    device: Annotated[str | None, typer.Option(help="torch device; a GPU if there is one.")] = None,
) -> None:
    """Predict a photo's depth: NPZ with `depth` (metres) and, where predicted, `intrinsics` (pixels of the photo)."""
    console = Console()
    try:
        network = load_predictor(predictor, weights, device)
        estimate = network.predict(read_photo(photo).pixels)
    except RealCamError as error:
        typer.echo(error.sentence, err=True)
        raise typer.Exit(1) from error
    target = out or photo.with_suffix(".depth.npz")
    known = {} if estimate.intrinsics is None else {"intrinsics": estimate.intrinsics}
    np.savez(target, depth=estimate.depth, **known)
    near, middle, far = np.nanpercentile(estimate.depth, [2, 50, 98])
    rows, columns = estimate.depth.shape
    console.print(
        f"{target}: {columns} x {rows}, {near:.2f} to {far:.2f} m, half within {middle:.2f} m", highlight=False
    )
    if not network.card.commercial:
        console.print(f"These weights are for non-commercial use: {network.card.licence}.", highlight=False)
