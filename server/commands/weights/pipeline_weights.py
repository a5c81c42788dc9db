"""`realcam weights` for the pipelines of diffusers: get, add, pin, check and remove."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from blender_addon.core.progress import OnProgress
from server.engines.pipelines.weights.adding import add_folder
from server.engines.pipelines.weights.catalogue import PublishedWeights
from server.engines.pipelines.weights.getting import DownloadPlan, check_room, download, plan_download
from server.engines.pipelines.weights.installed import (
    InstalledWeights,
    installed_weights,
    remove_weights,
    verify_weights,
    weights_absence,
)
from server.engines.pipelines.weights.pins import pin_of_listing, pin_path, write_pin
from server.model.weights.weights_fetch import in_units, install_lock
from server.model.weights.weights_sources import list_repository
from server.model.weights.weights_store import WeightsStore
from server.packages import absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, description_column, say
from server.terminal.progress_bars import ProgressBars

NEEDED = ("huggingface_hub", "filelock")
"""Packages without which nothing is fetched, of the extra `models`."""


def get_pipeline(published: PublishedWeights, store: WeightsStore, yes: bool, again: bool) -> None:
    """Fetch a pipeline's weights, after showing what they are, what they are held to and who may use them.

    Args:
        published: the weights.
        store: where they are kept.
        yes: do not ask before downloading.
        again: also when they are there, comparing the hashes of what is there.

    Raises:
        WeightsError: they cannot be had, or are not the published ones.
        EngineError: a package is missing.
    """
    here = installed_weights(published.name, store)
    if here is not None and not again:
        if not (absent := weights_absence(published.name, store)):
            say(f"{published.name} is installed already, in {here.folder}; --again checks and mends it.", err=True)
            return
        say(f"Not all is there: {absent}.", err=True)
    _require_packages()
    with install_lock(store):
        plan = plan_download(published, store)
        _show(plan, store)
        check_room(plan, store)
        if not yes and plan.missing(store):
            typer.confirm("Download?", abort=True)
        with _bars() as on_progress:
            made = download(plan, store, on_progress, again=again)
    _say_installed(made)


def add_pipeline(published: PublishedWeights, folder: Path, store: WeightsStore, trust: bool) -> None:
    """Take a folder of a pipeline's weights that somebody has, after checking it.

    Args:
        published: the weights.
        folder: in diffusers' layout.
        store: where weights are kept.
        trust: take it as it is where nothing is known of its files.

    Raises:
        WeightsError: files are missing, or others than the published ones.
        EngineError: a package is missing.
    """
    _require_packages()
    say(f"{published.title}: {published.commercial_use}.", err=True)
    with install_lock(store), _bars() as on_progress:
        made = add_folder(published, folder, store, trust, on_progress)
    _say_installed(made)


def pin_pipeline(published: PublishedWeights, store: WeightsStore, revision: str, out: Path | None) -> None:
    """Write down the commit and the files' hashes that the hub lists: downloads are held to them from then on.

    Args:
        published: the weights.
        store: where weights are kept.
        revision: a commit or branch; "" for the newest.
        out: the file to write; None for the one in the store.

    Raises:
        WeightsError: the hub does not show the repository or the commit.
        EngineError: a package is missing.
    """
    _require_packages()
    listing = list_repository(published.repo, revision)
    pin = pin_of_listing(published, listing, "command", "as the hub listed them when they were pinned here")
    path = out or pin_path(store, published.name)
    write_pin(path, pin)
    say(f"{published.repo} is pinned at commit {pin.revision}: {len(pin.files)} files, in {path}")


def check_pipeline(published: PublishedWeights, store: WeightsStore) -> None:
    """Compare the hash of each installed file with what it was.

    Raises:
        WeightsError: they are not whole, or a file changed.
    """
    with _bars() as on_progress:
        here = verify_weights(published, store, on_progress)
    say(f"commit {here.revision or 'not known'}")
    say(f"files  {len(here.manifest.files)}, {in_units(here.bytes)}, every hash as it was")
    say(f"hash   {here.sha256}")


def remove_pipeline(published: PublishedWeights, store: WeightsStore) -> None:
    """Delete a pipeline's weights.

    Raises:
        WeightsError: there are none, or a file is in use.
    """
    with install_lock(store):
        freed = remove_weights(published, store)
    say(f"{published.name} is removed, {in_units(freed)}.")


def _show(plan: DownloadPlan, store: WeightsStore) -> None:
    published = plan.published
    table = PlainTable("part", "size", "licence", "commercial use")
    for part in published.parts:
        size = sum(file.pinned.bytes for file in plan.files if part.holds(file.source.name))
        table.add_row(part.name, in_units(size), part.licence, part.commercial)
    total = sum(file.pinned.bytes for file in plan.files)
    table.add_row("", in_units(total), "", published.commercial)
    PlainConsole(stderr=True).print(table)
    for part in published.parts:
        if part.commercial != "yes":
            say(f"{part.name}: {part.licence}; commercial use {part.commercial}: {part.why}.", err=True)
    here = sum(file.pinned.bytes for file in plan.files if file.here is not None)
    if here:
        say(f"{in_units(here)} of it are on this machine already, by their hash.", err=True)
    commit = plan.pin.revision or plan.files[0].source.revision
    say(f"{published.repo}, commit {commit}; {_trust(plan)}.", err=True)
    say(f"To download: {in_units(plan.missing(store))}, to {store.folder(published.name)}.", err=True)


def _trust(plan: DownloadPlan) -> str:
    """In words, what the files are held to."""
    pin = plan.pin
    if pin.origin == "first download":
        return "nothing of it was known beforehand: later downloads are held to the files of this one"
    return f"commit and hashes known beforehand ({pin.known_by})"


def _say_installed(made: InstalledWeights) -> None:
    say(
        f"{made.manifest.weights}: {in_units(made.bytes)} in {made.folder}, commit {made.revision or 'not known'}",
        err=True,
    )


def _require_packages() -> None:
    if absent := absent_packages(NEEDED, extra="models"):
        raise EngineError("Weights cannot be fetched or checked on this machine", absent)


@contextmanager
def _bars() -> Iterator[OnProgress]:
    columns = (description_column("{task.description}", table_column=Column(ratio=1)), BarColumn(), DownloadColumn())
    with Progress(*columns, console=PlainConsole(stderr=True)) as bars:
        yield ProgressBars(bars)
