"""`realcam weights get`, `realcam weights check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from blender_addon.core.errors import EngineError
from server.engines.packages import MODEL_PACKAGES, absent_packages
from server.realcam.weights_fetch import Fetched, discard, fetch, local_source
from server.realcam.weights_lock import LOCK_FILE, WeightsLock
from server.realcam.weights_sources import RECIPES, HubFile, Recipe, resolve
from server.realcam.weights_store import TOKENIZER_FILES, SourceFile, WeightsStore, default_store

from .in_words import in_words

weights_app = typer.Typer(add_completion=False, help="The weights of the engine realcam.", no_args_is_help=True)

Variant = Annotated[str, typer.Argument(help="realcam-256, realcam-512 or realcam-1024.")]
Folder = Annotated[
    Path | None, typer.Option("--into", help="Folder of weights; $REALCAM_WEIGHTS or your own if not given.")
]


@weights_app.command()
def get(
    variant: Variant = "realcam-512",
    into: Folder = None,
    base: Annotated[Path | None, typer.Option(help="DynamiCrafter's checkpoint, if you already have it.")] = None,
    camera: Annotated[Path | None, typer.Option(help="RealCam's checkpoint, if you already have it.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt, if you have them.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before downloading.")] = False,
    keep_downloads: Annotated[
        bool, typer.Option("--keep-downloads", help="Keep the published files beside what is made of them.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also when the variant is installed already.")] = False,
) -> None:
    """Fetch the weights of a variant, check them and convert them once. Run again, it goes on where it was."""
    console = Console(stderr=True)
    store = WeightsStore(into) if into else default_store()
    with in_words():
        recipe = _recipe(variant)
        if store.manifest(variant) is not None and not again:
            console.print(f"{variant} is installed already, in {store.folder(variant)}; --again fetches it anew.")
            return
        _get(store, variant, recipe, base, camera, tokenizer, yes, keep_downloads, console)


@weights_app.command()
def check(variant: Variant = "realcam-512", into: Folder = None) -> None:
    """Verify a variant's hash and keys, and measure that its pictures change with the camera."""
    with in_words():
        _check(WeightsStore(into) if into else default_store(), variant)


def _get(
    store: WeightsStore,
    variant: str,
    recipe: Recipe,
    base: Path | None,
    camera: Path | None,
    tokenizer: Path | None,
    yes: bool,
    keep_downloads: bool,
    console: Console,
) -> None:
    _require_packages()
    from server.realcam.config import VARIANTS
    from server.realcam.load import CheckpointFiles
    from server.realcam.weights_install import install

    wanted = _wanted(recipe, base, camera, tokenizer)
    lock = WeightsLock(store.root / LOCK_FILE)
    remote = {name: resolve(lock.pinned(file)) for name, file in wanted.items()}
    if remote:
        console.print(_size_table([(source, _trust(wanted[name], lock)) for name, source in remote.items()]))
        if not yes:
            typer.confirm("Download?", abort=True)
    columns = (TextColumn("{task.description:<32}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console) as bars:
        on_bytes = _Bars(bars)
        fetched: dict[str, Fetched] = {}
        for name, source in remote.items():
            lock.remember_commit(wanted[name], source)
            fetched[name] = fetch(source, store.downloads, on_bytes)
            lock.remember(wanted[name], fetched[name].source)
        sources = [f.source for f in fetched.values()]
        sources += [local_source(p, on_bytes) for p in (base, camera) if p is not None]
        paths = {name: file.path for name, file in fetched.items()}
        files = CheckpointFiles(camera or paths["camera"], base or paths.get("base"))
        words = tuple(tokenizer / n if tokenizer else paths[n] for n in TOKENIZER_FILES)
        manifest = install(store, VARIANTS[variant], files, words, tuple(sources), on_bytes)
    console.print(f"{variant}: {manifest.bytes / 1e9:.1f} GB in {store.folder(variant)}")
    if not keep_downloads:
        discard(fetched.values(), store.downloads)


def _check(store: WeightsStore, variant: str) -> None:
    _recipe(variant)
    _require_packages()
    from server.realcam.config import VARIANTS
    from server.realcam.load import CheckpointFiles, load_model, open_checkpoint
    from server.realcam.tokenizer import ClipTokenizer
    from server.realcam.weights_install import require_steering, verified_hash

    again = f"Run `realcam weights get {variant}`."
    if store.manifest(variant) is None:
        raise EngineError(f"{variant} is not installed", f"nothing whole in {store.folder(variant)}", again)
    found = verified_hash(store, variant)
    typer.echo(f"hash   {found}")
    file = open_checkpoint(CheckpointFiles(store.model_file(variant)))
    model = load_model(VARIANTS[variant], file, ClipTokenizer(store.folder(variant)), found)
    typer.echo(f"keys   {len(file)}, every tensor in its place")
    effect = require_steering(model)
    typer.echo(f"camera a metre of motion changes {effect.moving:.1%} of the prediction")
    typer.echo(f"       the camera at all changes {effect.ignored:.1%} of it")


def _recipe(variant: str) -> Recipe:
    """Raises EngineError when there is no such variant."""
    if variant not in RECIPES:
        raise EngineError(f"There is no variant {variant}", f"there are {', '.join(RECIPES)}")
    return RECIPES[variant]


def _require_packages() -> None:
    """Raises EngineError when the extra `models` is not installed."""
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        raise EngineError("The model cannot be loaded on this machine", absent)


def _wanted(recipe: Recipe, base: Path | None, camera: Path | None, tokenizer: Path | None) -> dict[str, HubFile]:
    """What is to be downloaded: nothing that the user has."""
    wanted = {} if camera else {"camera": recipe.camera}
    if base is None and camera is None:
        wanted["base"] = recipe.base
    return wanted | ({} if tokenizer else {file.name: file for file in recipe.tokenizer})


def _trust(file: HubFile, lock: WeightsLock) -> str:
    """What a download will be checked by."""
    if file.sha256:
        return "hash known beforehand"
    return "as first downloaded here" if lock.holds(file) else "not known yet: held to from now on"


def _size_table(sources: list[tuple[SourceFile, str]]) -> Table:
    table = Table("file", "from", "commit", "size", "checked by")
    for source, trust in sources:
        table.add_row(source.name, source.repo, source.revision[:12], f"{source.bytes / 1e9:.2f} GB", trust)
    table.add_row("", "", "", f"{sum(s.bytes for s, _ in sources) / 1e9:.2f} GB", "")
    return table


class _Bars:
    """A bar for each file."""

    def __init__(self, bars: Progress) -> None:
        self._bars, self._tasks = bars, dict[str, TaskID]()

    def __call__(self, name: str, done: int, of: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(f"Checking {name}", total=of)
        self._bars.update(self._tasks[name], completed=done)
