"""`realcam weights get` and `check` for the variants of RealCam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Column

from blender_addon.core.errors import EngineError
from blender_addon.core.progress import OnProgress
from server.depth.catalogue import CARDS
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.model.weights.own_networks import shipped_networks
from server.model.weights.weights_fetch import (
    FetchedFile,
    SpaceNeeded,
    check_disk_space,
    check_file,
    discard,
    fetch,
    in_units,
    local_source,
    missing_bytes,
)
from server.model.weights.weights_lock import LOCK_FILE, WeightsLock
from server.model.weights.weights_sources import (
    WEIGHTS_SOURCES,
    HubFile,
    WeightsSource,
    check_variant,
    manual_install_hint,
    resolve,
)
from server.model.weights.weights_store import Manifest, SourceFile, WeightsStore
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainTable, description_column, say
from server.terminal.progress_bars import ProgressBars


@dataclass(frozen=True)
class GivenFiles:
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
            WeightsError: one is not there, or is a folder.
        """
        for path in (*self.files, *(self.words or ())):
            check_file(path)


def get_variant(
    store: WeightsStore,
    variant: str,
    origin: WeightsSource,
    given: GivenFiles,
    yes: bool,
    keep_downloads: bool,
    console: Console,
) -> None:
    """Fetch a variant's published files, show them first, and convert them.

    Args:
        store: where weights are kept.
        variant: the variant.
        origin: its published files.
        given: those of them that the user has.
        yes: do not ask before downloading.
        keep_downloads: keep the published files beside what is made of them.
        console: where the table and the bars are shown.

    Raises:
        WeightsError: a file cannot be had, or is not the published one.
        CheckpointError: the files are not this variant's.
    """
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


def _check_room(store: WeightsStore, remote: Mapping[str, SourceFile], given: GivenFiles) -> None:
    """Check that the disk has room for what is still to be downloaded and what is made of it: at most every tensor."""
    missing = sum(missing_bytes(source, store.downloads) for source in remote.values())
    converted = sum(source.bytes for source in remote.values()) + sum(path.stat().st_size for path in given.files)
    check_disk_space(
        [SpaceNeeded(store.downloads, missing, "to download"), SpaceNeeded(store.root, converted, "to convert them")]
    )


def _install(
    store: WeightsStore, variant: str, fetched: Mapping[str, FetchedFile], given: GivenFiles, on_progress: OnProgress
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


def check_installed(store: WeightsStore, variant: str) -> None:
    """Print a variant's hash, and how its pictures change with the camera; also of one that ships with the server.

    Raises:
        EngineError: it is not installed, or there is none of this name.
        WeightsError: it has changed, or ignores the camera.
    """
    shipped = {network.name: network.kept for network in shipped_networks()}
    if variant in shipped:
        store = shipped[variant]
    else:
        source_of(variant)
    require_packages()
    from server.model.config import NANO, VARIANTS
    from server.model.tokenizer import ClipTokenizer
    from server.model.weights.load import CheckpointFiles, load_model, open_checkpoint
    from server.model.weights.weights_install import require_camera_effect, verified_hash

    again = f"Run `realcam weights get {variant}`."
    if store.manifest(variant) is None:
        raise EngineError(f"{variant} is not installed", f"nothing whole of it in {store.folder(variant)}", again)
    found = verified_hash(store, variant)
    say(f"hash   {found}")
    file = open_checkpoint(CheckpointFiles(store.model_file(variant)))
    config = NANO if variant == NANO.name else VARIANTS[variant]
    model = load_model(config, file, ClipTokenizer(store.folder(variant)), found)
    say(f"keys   {len(file)}, every tensor in its place")
    effect = require_camera_effect(model)
    say(f"camera a metre of motion changes {effect.moving:.1%} of the prediction")
    say(f"       the camera at all changes {effect.ignored:.1%} of it")


def source_of(variant: str) -> WeightsSource:
    """The published source of a variant.

    Raises:
        EngineError: there is no such variant.
    """
    if variant not in WEIGHTS_SOURCES:
        there = ", ".join([*WEIGHTS_SOURCES, *PIPELINE_WEIGHTS, *CARDS])
        raise EngineError(f"There is no variant {variant}", f"there are {there}")
    return WEIGHTS_SOURCES[variant]


def require_packages() -> None:
    """Check that the packages of the extra `models` are installed.

    Raises:
        EngineError: one is missing.
    """
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        raise EngineError("The model cannot be loaded on this machine", absent)


def _wanted(origin: WeightsSource, given: GivenFiles) -> dict[str, HubFile]:
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
