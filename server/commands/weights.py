"""`realcam weights get`, `realcam weights check`, and the networks of one's own beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from blender_addon.core.progress import OnProgress
from server.depth.catalogue import CARDS
from server.model.errors import CheckpointError
from server.model.weights.weights_fetch import (
    FetchedFile,
    SpaceNeeded,
    check_disk_space,
    discard,
    fetch,
    in_units,
    install_lock,
    local_source,
    missing_bytes,
)
from server.model.weights.weights_lock import LOCK_FILE, WeightsLock
from server.model.weights.weights_sources import (
    WEIGHTS_SOURCES,
    HubFile,
    WeightsError,
    WeightsSource,
    check_variant,
    manual_install_hint,
    resolve,
)
from server.model.weights.weights_store import Manifest, SourceFile, WeightsStore, default_store
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, description_column, say
from server.terminal.progress_bars import ProgressBars

from .friendly_errors import friendly_errors
from .options.unread import refuse_unread
from .predictor_weights import check_predictor, get_predictor
from .training.own_weights import add, export, remove

STOPPED = 130
"""The exit code that shells use for a program ended by Ctrl-C."""

weights_app = typer.Typer(
    add_completion=False, help="The weights of the engine realcam and of depth predictors.", no_args_is_help=True
)

weights_app.command()(export)
weights_app.command()(add)
weights_app.command()(remove)

Variant = Annotated[str, typer.Argument(help="realcam-256, -512 or -1024, or one of `realcam depth list`.")]
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
    """Fetch the weights of a variant, check them and convert them once. Run again, it goes on where it was."""
    console = PlainConsole(stderr=True)
    store = WeightsStore(into) if into else default_store()
    refuse_unread(context, variant in CARDS, "a depth predictor", "file")
    refuse_unread(
        context, variant not in CARDS, "a variant of RealCam", "base", "camera", "tokenizer", "keep_downloads"
    )
    with friendly_errors(), _with_every_key():
        if variant in CARDS:
            with _stopped_by_a_key():
                get_predictor(CARDS[variant], store, file, yes, again)
            return
        origin = _source_of(variant)
        if store.manifest(variant) is not None and not again:
            say(f"{variant} is installed already, in {store.folder(variant)}; --again fetches it anew.", err=True)
            return
        _require_packages()
        given = _Given(base, camera, tokenizer)
        given.check()
        with _stopped_by_a_key(), install_lock(store):
            _get(store, variant, origin, given, yes, keep_downloads, console)


@weights_app.command()
def check(variant: Variant = "realcam-512", into: Folder = None) -> None:
    """Verify a variant's hash and keys, and measure that its pictures change with the camera; a predictor's hash."""
    store = WeightsStore(into) if into else default_store()
    with friendly_errors(), _with_every_key():
        if variant in CARDS:
            check_predictor(CARDS[variant], store)
        else:
            _check(store, variant)


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


@dataclass(frozen=True)
class _Given:
    """Files that the user has, of those that would be downloaded. `tokenizer` is a folder."""

    base: Path | None
    camera: Path | None
    tokenizer: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """The checkpoint files, base model first."""
        return tuple(path for path in (self.base, self.camera) if path is not None)

    @property
    def words(self) -> tuple[Path, Path] | None:
        """CLIP's vocabulary and merges in the tokenizer's folder; None without one."""
        return (self.tokenizer / "vocab.json", self.tokenizer / "merges.txt") if self.tokenizer else None

    @property
    def is_whole(self) -> bool:
        """Whether `camera` holds the base model as well."""
        from server.model.weights.load import is_camera_alone

        return self.camera is not None and not is_camera_alone(self.camera)

    def check(self) -> None:
        """Refuse files that do not exist.

        Raises:
            WeightsError: one is not there.
        """
        for path in (*self.files, *(self.words or ())):
            if not path.is_file():
                raise WeightsError("The file is not there", str(path), "Check what was typed.")


def _get(
    store: WeightsStore,
    variant: str,
    origin: WeightsSource,
    given: _Given,
    yes: bool,
    keep_downloads: bool,
    console: Console,
) -> None:
    wanted = _wanted(origin, given)
    lock = WeightsLock(store.root / LOCK_FILE)
    remote = {name: resolve(lock.pinned(file), otherwise=manual_install_hint(wanted)) for name, file in wanted.items()}
    if remote:
        console.print(_size_table([(source, _trust(wanted[name], lock)) for name, source in remote.items()]))
        _check_room(store, remote, given)
        if not yes:
            typer.confirm("Download?", abort=True)
    columns = (description_column("{task.description}", table_column=Column(ratio=1)), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console) as bars:
        on_progress = ProgressBars(bars)
        fetched: dict[str, FetchedFile] = {}
        for name, source in remote.items():
            lock.remember_commit(wanted[name], source)
            fetched[name] = fetch(source, store.downloads, on_progress)
            lock.remember(wanted[name], fetched[name].source)
        manifest = _install(store, variant, fetched, given, on_progress)
    say(f"{variant}: {in_units(manifest.bytes)} in {store.folder(variant)}", err=True)
    say(f"`realcam weights check {variant}` measures that they follow the camera.", err=True)
    if not keep_downloads:
        discard(fetched.values(), store.downloads)


def _check_room(store: WeightsStore, remote: Mapping[str, SourceFile], given: _Given) -> None:
    """Check that the disk has room for what is still to be downloaded and what is made of it: at most every tensor."""
    missing = sum(missing_bytes(source, store.downloads) for source in remote.values())
    converted = sum(source.bytes for source in remote.values()) + sum(path.stat().st_size for path in given.files)
    check_disk_space(
        [SpaceNeeded(store.downloads, missing, "to download"), SpaceNeeded(store.root, converted, "to convert them")]
    )


def _install(
    store: WeightsStore, variant: str, fetched: Mapping[str, FetchedFile], given: _Given, on_progress: OnProgress
) -> Manifest:
    from server.model.config import VARIANTS
    from server.model.weights.load import CheckpointFiles
    from server.model.weights.weights_install import install

    own = [local_source(path, on_progress) for path in given.files]
    for source in own:
        check_variant(source, variant)
    sources = [*(file.source for file in fetched.values()), *own]
    paths = {name: file.path for name, file in fetched.items()}
    files = CheckpointFiles(given.camera or paths["camera"], given.base or paths.get("base"))
    words = given.words or (paths["vocab.json"], paths["merges.txt"])
    return install(store, VARIANTS[variant], files, words, tuple(sources), on_progress)


def _check(store: WeightsStore, variant: str) -> None:
    _source_of(variant)
    _require_packages()
    from server.model.config import VARIANTS
    from server.model.tokenizer import ClipTokenizer
    from server.model.weights.load import CheckpointFiles, load_model, open_checkpoint
    from server.model.weights.weights_install import require_camera_effect, verified_hash

    again = f"Run `realcam weights get {variant}`."
    if store.manifest(variant) is None:
        raise EngineError(f"{variant} is not installed", f"nothing whole of it in {store.folder(variant)}", again)
    found = verified_hash(store, variant)
    say(f"hash   {found}")
    file = open_checkpoint(CheckpointFiles(store.model_file(variant)))
    model = load_model(VARIANTS[variant], file, ClipTokenizer(store.folder(variant)), found)
    say(f"keys   {len(file)}, every tensor in its place")
    effect = require_camera_effect(model)
    say(f"camera a metre of motion changes {effect.moving:.1%} of the prediction")
    say(f"       the camera at all changes {effect.ignored:.1%} of it")


def _source_of(variant: str) -> WeightsSource:
    """The published source of a variant.

    Raises:
        EngineError: there is no such variant.
    """
    if variant not in WEIGHTS_SOURCES:
        there = ", ".join([*WEIGHTS_SOURCES, *CARDS])
        raise EngineError(f"There is no variant {variant}", f"there are {there}")
    return WEIGHTS_SOURCES[variant]


def _require_packages() -> None:
    """Check that the packages of the extra `models` are installed.

    Raises:
        EngineError: one is missing.
    """
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        raise EngineError("The model cannot be loaded on this machine", absent)


def _wanted(origin: WeightsSource, given: _Given) -> dict[str, HubFile]:
    """The files to download, by the name of their option or their own: none that the user has."""
    wanted = {} if given.camera else {"camera": origin.camera}
    if given.base is None and not given.is_whole:
        wanted["base"] = origin.base
    return wanted | ({} if given.tokenizer else {file.name: file for file in origin.tokenizer})


def _trust(file: HubFile, lock: WeightsLock) -> str:
    """In words, what a download is checked by."""
    if file.sha256:
        return "hash known beforehand"
    return "as first downloaded here" if lock.holds(file) else "not known yet: held to from now on"


def _size_table(sources: list[tuple[SourceFile, str]]) -> PlainTable:
    table = PlainTable("file", "from", "commit", "size", "checked by")
    for source, trust in sources:
        table.add_row(source.name, source.repo, source.revision[:12], in_units(source.bytes), trust)
    table.add_row("", "", "", in_units(sum(s.bytes for s, _ in sources)), "")
    return table
