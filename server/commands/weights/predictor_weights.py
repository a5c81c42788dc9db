"""`realcam weights get` and `check` for a depth predictor, and the download that other commands begin with."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from blender_addon.core.held_files import remove_file
from server.depth.depth_weights import NEEDED, downloaded_weights, fetch_weights, take_weights, verified_weights
from server.depth.predictor import PredictorCard
from server.model.weights.weights_fetch import in_units
from server.model.weights.weights_store import MANIFEST_FILE, WeightsStore
from server.packages import absent_packages
from server.terminal.plain_console import PlainConsole, description_column, say
from server.terminal.progress_bars import ProgressBars


def get_predictor(card: PredictorCard, store: WeightsStore, file: Path | None, yes: bool, again: bool) -> None:
    """Fetch a predictor's weights, or copy a file of them, after saying what they are.

    Args:
        card: the predictor.
        store: where they are kept.
        file: a file that the user has; None to download it.
        yes: do not ask before downloading.
        again: also when they are there already.

    Raises:
        WeightsError: they cannot be had, or are not the published ones.
        EngineError: a package is missing.
    """
    here = downloaded_weights(card, store)
    if here is not None and not again:
        say(f"{card.name} is downloaded already, {here}; --again fetches it anew.", err=True)
        return
    use = f"commercial use: {'yes' if card.commercial else 'no'}"
    trust = "hash known beforehand" if card.sha256 else "the hash of the first download is held to"
    say(f"{card.title}: {in_units(card.bytes)} from {card.weights}, {card.licence}, {use}; {trust}.", err=True)
    if file is None and not yes:
        typer.confirm("Download?", abort=True)
    remove_file(store.folder(card.name) / MANIFEST_FILE)
    path = fetched(card, store) if file is None else take_weights(card, file, store=store)
    say(f"{card.name}: {in_units(path.stat().st_size)}, {path}", err=True)


def check_predictor(card: PredictorCard, store: WeightsStore) -> None:
    """Print the hash of a predictor's weights.

    Raises:
        WeightsError: they are not there, or have changed.
    """
    say(f"hash   {verified_weights(card, store)}")


def fetched(card: PredictorCard, store: WeightsStore | None = None) -> Path:
    """The file with a predictor's weights, downloaded with a bar where it is not here.

    Raises:
        WeightsError: it cannot be had.
        EngineError: a package is missing.
    """
    if absent := absent_packages(NEEDED, extra="models"):
        raise EngineError("Weights cannot be downloaded on this machine", absent)
    columns = (description_column("{task.description}", table_column=Column(ratio=1)), BarColumn(), DownloadColumn())
    with Progress(*columns, console=PlainConsole(stderr=True)) as bars:
        return fetch_weights(card, ProgressBars(bars), store)
