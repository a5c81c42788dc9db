"""`realcam weights`: its verbs, each for RealCam's variants, pipelines of diffusers and depth predictors alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import EngineError
from server.commands.friendly_errors import friendly_errors
from server.commands.options.unread import refuse_unread
from server.depth.catalogue import CARDS
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.model.errors import CheckpointError
from server.model.weights.own_networks import NOT_STATED, shipped_networks
from server.model.weights.weights_fetch import install_lock
from server.model.weights.weights_store import WeightsStore, default_store
from server.terminal.plain_console import PlainConsole, say

from .overview import overview
from .own_networks import GivenNetwork, add_own, export_network, remove_own
from .pipeline_weights import add_pipeline, check_pipeline, get_pipeline, pin_pipeline, remove_pipeline
from .predictor_weights import check_predictor, get_predictor
from .realcam_weights import GivenFiles, check_installed, get_variant, require_packages, source_of

STOPPED = 130
"""The exit code that shells use for a program ended by Ctrl-C."""

weights_app = typer.Typer(
    add_completion=False, help="The weights of engines and of depth predictors.", no_args_is_help=True
)

Variant = Annotated[
    str,
    typer.Argument(
        help="realcam-256, -512 or -1024, vace, wan-i2v, sana-wm or sana-wm-refiner, or one of `realcam depth list`."
    ),
]
PipelineName = Annotated[str, typer.Argument(help=f"One of {', '.join(PIPELINE_WEIGHTS)}.")]
Folder = Annotated[
    Path | None, typer.Option("--into", help="Folder of weights; $REALCAM_WEIGHTS or your own if not given.")
]


@weights_app.command()
def get(
    context: typer.Context,
    variant: Variant = "realcam-512",
    into: Folder = None,
    base: Annotated[Path | None, typer.Option(help="DynamiCrafter's checkpoint, if you already have it.")] = None,
    camera: Annotated[Path | None, typer.Option(help="RealCam's checkpoint, if you already have it.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt, if you have them.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A depth predictor's model.safetensors, if you have it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before downloading.")] = False,
    keep_downloads: Annotated[
        bool, typer.Option("--keep-downloads", help="Keep the published files beside what is made of them.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also when the variant is installed already.")] = False,
) -> None:
    """Fetch weights and check them; RealCam's are converted once. Run again, it goes on where it was."""
    store = _store(into)
    realcam = variant not in CARDS and variant not in PIPELINE_WEIGHTS
    refuse_unread(context, variant in CARDS, "a depth predictor", "file")
    refuse_unread(context, realcam, "a variant of RealCam", "base", "camera", "tokenizer", "keep_downloads")
    with friendly_errors(), _with_every_key():
        if variant in CARDS:
            with _stopped_by_a_key():
                get_predictor(CARDS[variant], store, file, yes, again)
            return
        if variant in PIPELINE_WEIGHTS:
            with _stopped_by_a_key():
                get_pipeline(PIPELINE_WEIGHTS[variant], store, yes, again)
            return
        if variant in {network.name for network in shipped_networks()}:
            say(f"{variant} comes with the server: there is nothing to fetch.", err=True)
            return
        origin = source_of(variant)
        if store.manifest(variant) is not None and not again:
            say(f"{variant} is installed already, in {store.folder(variant)}; --again fetches it anew.", err=True)
            return
        require_packages()
        given = GivenFiles(base, camera, tokenizer)
        given.check()
        with _stopped_by_a_key(), install_lock(store):
            get_variant(store, variant, origin, given, yes, keep_downloads, PlainConsole(stderr=True))


@weights_app.command()
def check(variant: Variant = "realcam-512", into: Folder = None) -> None:
    """Verify the hashes of weights; of RealCam's also the keys, and that pictures change with the camera."""
    store = _store(into)
    with friendly_errors(), _with_every_key():
        if variant in CARDS:
            check_predictor(CARDS[variant], store)
        elif variant in PIPELINE_WEIGHTS:
            check_pipeline(PIPELINE_WEIGHTS[variant], store)
        else:
            check_installed(store, variant)


@weights_app.command(name="list")
def list_weights(into: Folder = None) -> None:
    """Which weights exist, how large they are, who may use them, and which are here."""
    with friendly_errors():
        overview(_store(into))


@weights_app.command()
def pin(
    name: PipelineName,
    revision: Annotated[str, typer.Option(help="A commit or branch; the newest if not given.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; else one in the folder of weights.")] = None,
    into: Folder = None,
) -> None:
    """Write down a pipeline's commit and its files' hashes, as the hub lists them: downloads are held to them."""
    with friendly_errors():
        if name not in PIPELINE_WEIGHTS:
            raise EngineError(f"There is no pipeline {name}", f"there are {', '.join(PIPELINE_WEIGHTS)}")
        pin_pipeline(PIPELINE_WEIGHTS[name], _store(into), revision, out)


@weights_app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training: `out` in its configuration.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights, in words.")] = NOT_STATED,
    ema: Annotated[bool, typer.Option("--ema", help="The running mean of the tensors, not the last ones.")] = False,
) -> None:
    """Write a training's newest checkpoint in the published layout, with a model card: to share, or for `add`."""
    with friendly_errors():
        export_network(run, folder, licence, ema)


@weights_app.command()
def add(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder or file of camera modules, or a pipeline's folder.")],
    name: Annotated[str, typer.Option(help="Of the network; the folder's or file's if not given.")] = "",
    variant: Annotated[
        str, typer.Option(help="realcam-256, -512, -1024 or nano, where the folder does not say; vace and the like.")
    ] = "",
    licence: Annotated[str, typer.Option(help="Licence of the weights, where the folder does not say.")] = "",
    base: Annotated[Path | None, typer.Option(help="File of its base, where that is no installed variant's.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Take a pipeline as it is where nothing is pinned.")] = False,
    into: Folder = None,
) -> None:
    """Add trained camera modules to the engine realcam, or a pipeline's folder that you have already."""
    pipeline = variant in PIPELINE_WEIGHTS
    refuse_unread(context, not pipeline, "trained camera modules", "name", "licence", "base", "tokenizer")
    refuse_unread(context, pipeline, f"--variant {', '.join(PIPELINE_WEIGHTS)}", "trust")
    if pipeline:
        with friendly_errors(), _stopped_by_a_key():
            add_pipeline(PIPELINE_WEIGHTS[variant], path, _store(into), trust)
        return
    with friendly_errors():
        add_own(GivenNetwork(path, name, variant, licence, base, tokenizer), _store(into))


@weights_app.command()
def remove(
    name: Annotated[str, typer.Argument(help="A network that `add` added, or a pipeline's weights.")],
    into: Folder = None,
) -> None:
    """Remove a network that was added, or a pipeline's weights. Clips stay; jobs that wait for it fail."""
    with friendly_errors():
        if name in PIPELINE_WEIGHTS:
            remove_pipeline(PIPELINE_WEIGHTS[name], _store(into))
        else:
            remove_own(name, _store(into))


def _store(into: Path | None) -> WeightsStore:
    return WeightsStore(into) if into else default_store()


@contextmanager
def _stopped_by_a_key() -> Iterator[None]:
    """End with the exit code of Ctrl-C, and say that what was fetched is kept."""
    try:
        yield
    except KeyboardInterrupt as error:
        say("Stopped. Run the same command again: it goes on where it was.", err=True)
        raise typer.Exit(STOPPED) from error


@contextmanager
def _with_every_key() -> Iterator[None]:
    """Name every tensor that a checkpoint lacks or has too many: its sentence names the first few."""
    try:
        yield
    except CheckpointError as error:
        for key in error.keys:
            say(f"  {key}", err=True)
        raise
