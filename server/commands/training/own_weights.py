"""`realcam weights export`, `add` and `remove`: networks that were trained here or by somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from server.commands.friendly_errors import friendly_errors
from server.model.config import TRAINABLE
from server.model.weights.own_networks import NetworkFacts, own_networks
from server.model.weights.weights_fetch import install_lock
from server.model.weights.weights_sources import WeightsError
from server.model.weights.weights_store import WeightsStore, default_store
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainConsole, description_column, say
from server.terminal.progress_bars import ProgressBars

Folder = Annotated[
    Path | None, typer.Option("--into", help="Folder of weights; $REALCAM_WEIGHTS or your own if not given.")
]


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training: `out` in its configuration.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights, in words.")] = "not stated",
    ema: Annotated[bool, typer.Option("--ema", help="The running mean of the tensors, not the last ones.")] = False,
) -> None:
    """Write a training's newest checkpoint in the published layout, with a model card: to share, or for `add`."""
    with friendly_errors():
        _require_packages()
        from server.training.exports.export_run import export_run

        facts = export_run(run, folder, licence, ema)
        say(f"{folder}: {facts.variant}, {facts.steps:,} steps; `realcam weights add {folder}` adds it to the engine.")


def add(
    path: Annotated[Path, typer.Argument(help="Folder or file of camera modules, of `export` or as published.")],
    name: Annotated[str, typer.Option(help="Of the network; the folder's or file's if not given.")] = "",
    variant: Annotated[str, typer.Option(help="realcam-256, -512, -1024 or nano, where the folder does not say.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the weights, where the folder does not say.")] = "",
    base: Annotated[Path | None, typer.Option(help="File of its base, where that is no installed variant's.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt.")] = None,
    into: Folder = None,
) -> None:
    """Add trained camera modules to the engine realcam, as a choice beside the published weights."""
    store = WeightsStore(into) if into else default_store()
    with friendly_errors():
        _require_packages()
        from server.model.weights.own_install import NetworkToAdd, add_network, read_facts

        facts = _facts(path, read_facts(path), variant, licence)
        adding = NetworkToAdd(path, name or path.resolve().stem.lower(), facts, base, tokenizer)
        columns = (description_column("{task.description}", table_column=Column(ratio=1)), BarColumn())
        with install_lock(store), Progress(*columns, DownloadColumn(), console=PlainConsole(stderr=True)) as bars:
            added = add_network(store, adding, ProgressBars(bars))
        say(added.words)
        say("A server offers it from its next start on: in the panel under Network, here as `--option weights=NAME`.")


def remove(name: Annotated[str, typer.Argument(help="Of a network that `add` added.")], into: Folder = None) -> None:
    """Remove a network that was added. Clips that it made stay; jobs that wait for it fail."""
    store = WeightsStore(into) if into else default_store()
    with friendly_errors():
        _require_packages()
        from server.model.weights.own_install import remove_network

        with install_lock(store):
            remove_network(store, name)
        left = ", ".join(network.name for network in own_networks(store))
        say(f"{name} is removed; your own networks: {left or 'none'}.")


def _facts(path: Path, said: NetworkFacts | None, variant: str, licence: str) -> NetworkFacts:
    """What is known of a network: what its folder says, completed by options that must not contradict it.

    Raises:
        WeightsError: the variant is not known, or another than the folder says.
    """
    if said is not None and variant and variant != said.variant:
        raise WeightsError("The network is of another variant", f"{path} says {said.variant}, not {variant}")
    chosen = said.variant if said else variant
    if not chosen:
        raise WeightsError(
            "The variant of the network is not known",
            f"{path} does not say it, and tensors of 256, 512 and 1024 have the same shapes",
            f"Give it with --variant: {', '.join(TRAINABLE)}.",
        )
    if chosen not in TRAINABLE:
        raise WeightsError("The engine has no such variant", chosen, f"It has {', '.join(TRAINABLE)}.")
    facts = said or NetworkFacts(variant=chosen, size=TRAINABLE[chosen].size)
    return msgspec.structs.replace(facts, licence=licence) if licence else facts


def _require_packages() -> None:
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        raise EngineError("Weights cannot be read on this machine", absent)
