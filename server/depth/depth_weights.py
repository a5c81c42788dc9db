"""The weights of depth predictors: which file exactly, whether it is on this machine, and fetching it.

They are fetched and kept as those of RealCam are. What the hub's own cache holds of another program is used as well.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from blender_addon.core.progress import JobProgress, OnProgress, unwatched
from server.model.weights.transfer import watched
from server.model.weights.weights_fetch import (
    SpaceNeeded,
    check_disk_space,
    fetch,
    install_lock,
    local_source,
    missing_bytes,
    sha256_of,
)
from server.model.weights.weights_lock import LOCK_FILE, WeightsLock
from server.model.weights.weights_sources import HubFile, WeightsError, resolve
from server.model.weights.weights_store import (
    FRESH_PREFIX,
    MODEL_FILE,
    Manifest,
    SourceFile,
    WeightsStore,
    default_store,
)

from .predictor import PredictorCard

NEEDED = ("huggingface_hub", "filelock")
"""Packages without which nothing is fetched, of the extra `models`."""
ASKING = "Asking the hub"
"""The stage before the first byte."""
OPTION = "--file"
"""The option of `realcam weights get` that takes a predictor's file."""
ESTIMATING = "the machine that estimates depth"
"""Where a command of a remedy is to be run: this one for whoever typed a command, the server for an artist's panel."""


def published_file(card: PredictorCard) -> HubFile:
    """The file that a predictor's weights are published as."""
    return HubFile(card.weights, MODEL_FILE, card.revision, card.sha256)


def downloaded_weights(card: PredictorCard, store: WeightsStore | None = None) -> Path | None:
    """The file with a predictor's weights on this machine; None when it is not here. Asks nothing of the network.

    Args:
        card: the predictor.
        store: the folder of weights; None for the usual.
    """
    store = store or default_store()
    if store.manifest(card.name, beside=()) is not None:
        return store.model_file(card.name)
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(card.weights, MODEL_FILE, revision=card.revision or None)
    return Path(found) if isinstance(found, str) else None


def fetch_weights(
    card: PredictorCard,
    on_progress: OnProgress = unwatched,
    store: WeightsStore | None = None,
    endpoint: str | None = None,
) -> Path:
    """The file with a predictor's weights; downloaded, checked and kept first where it is not on this machine.

    Args:
        card: the predictor.
        on_progress: told of the bytes fetched and checked. What it raises stops the download and passes through; the
            next call goes on where it was.
        store: the folder of weights; None for the usual.
        endpoint: another hub than the usual; None for the usual.

    Raises:
        WeightsError: the file cannot be had, is not the published one, or the disk is too small for it.
    """
    store = store or default_store()
    here = downloaded_weights(card, store)
    if here is not None:
        return here
    file = published_file(card)
    with install_lock(store):
        lock = WeightsLock(store.root / LOCK_FILE)
        source = watched(
            lambda: resolve(lock.pinned(file), endpoint, _by_hand(card), OPTION),
            lambda: on_progress(JobProgress(0, 1, ASKING)),
        )
        check_disk_space([SpaceNeeded(store.root, missing_bytes(source, store.downloads), "to download")])
        lock.remember_commit(file, source)
        fetched = fetch(source, store.downloads, on_progress, endpoint)
        lock.remember(file, fetched.source)
        if not fetched.path.is_relative_to(store.root):
            return fetched.path
        return _keep(store, card, fetched.path, fetched.source)


def take_weights(
    card: PredictorCard, path: Path, on_progress: OnProgress = unwatched, store: WeightsStore | None = None
) -> Path:
    """The file with a predictor's weights, copied from one that the user has, after checking it.

    Raises:
        WeightsError: it is not there, is not the published one, or the disk is too small for it.
    """
    store = store or default_store()
    source = local_source(path, on_progress)
    if card.sha256 and source.sha256 != card.sha256:
        raise WeightsError(
            f"The file is not the one of {card.title}",
            f"{path}: its SHA-256 is {source.sha256[:16]}..., expected {card.sha256[:16]}...",
            f"{card.title} needs {MODEL_FILE} of {card.weights}.",
        )
    with install_lock(store):
        check_disk_space([SpaceNeeded(store.root, source.bytes, "to keep a copy")])
        with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=store.root, ignore_cleanup_errors=True) as fresh:
            copy = Path(fresh) / MODEL_FILE
            shutil.copyfile(path, copy)
            return _keep(store, card, copy, source)


def verified_weights(card: PredictorCard, store: WeightsStore | None = None) -> str:
    """The SHA-256 of a predictor's weights on this machine, in hex, compared with what they were when they came.

    Raises:
        WeightsError: they are not here, or have changed.
    """
    store = store or default_store()
    path = downloaded_weights(card, store)
    if path is None:
        why = f"nothing of it in {store.folder(card.name)}"
        raise WeightsError(f"{card.title} is not downloaded", why, f"Run `realcam weights get {card.name}`.")
    manifest = store.manifest(card.name, beside=())
    expected = manifest.sha256 if manifest is not None else card.sha256
    found = sha256_of(path)
    if expected and found != expected:
        why = f"{path}: SHA-256 {found[:16]}..., was {expected[:16]}..."
        raise WeightsError("The weights changed on the disk", why, get_again(card))
    return found


def get_again(card: PredictorCard) -> str:
    """The remedy for weights that do not serve, as a sentence."""
    return f"Fetch them again on {ESTIMATING}: `realcam weights get {card.name} --again`."


def in_megabytes(on_progress: OnProgress) -> OnProgress:
    """An OnProgress for fetch_weights that passes on megabytes: "Downloading 34 of 99 MB"."""

    def told(progress: JobProgress) -> None:
        if progress.stage == ASKING:
            on_progress(progress)
            return
        done, total = round(progress.done / 1e6), round(progress.total / 1e6)
        doing = "Downloading" if progress.stage.startswith("Fetching") else "Checking"
        on_progress(JobProgress(done, total, f"{doing} {done} of {total} MB"))

    return told


def _by_hand(card: PredictorCard) -> str:
    command = f"realcam weights get {card.name} {OPTION} PATH"
    return f"Or fetch {MODEL_FILE} of {card.weights} on another computer and give it to {ESTIMATING}: `{command}`."


def _keep(store: WeightsStore, card: PredictorCard, path: Path, source: SourceFile) -> Path:
    """Move a checked file to where it is kept."""
    manifest = Manifest(variant=card.name, sha256=source.sha256, bytes=path.stat().st_size, sources=(source,))
    store.put(manifest, path)
    return store.model_file(card.name)
