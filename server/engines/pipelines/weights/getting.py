"""The download of a pipeline's weights: what it will take, and the download itself.

It is made of the code that fetches RealCam's: resumed where it broke off, checked by hash, room asked for first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.held_files import discard, remove_file
from blender_addon.core.progress import OnProgress
from server.model.weights.weights_fetch import (
    SpaceNeeded,
    cached_path,
    check_disk_space,
    fetch,
    missing_bytes,
    sha256_of,
)
from server.model.weights.weights_sources import RepositoryListing, WeightsError, list_repository
from server.model.weights.weights_store import FRESH_PREFIX, SourceFile, WeightsStore

from .catalogue import ROOT_FILES, PublishedWeights
from .installed import InstalledFile, InstalledWeights, Manifest, files_by_hash, put, read_manifest
from .pins import Pin, PinnedFile, current_pin, git_id, pin_of_listing, pin_path, write_pin

FIRST_DOWNLOAD = "as the hub listed them when they were first downloaded here"


@dataclass(frozen=True)
class PlannedFile:
    """A file of the weights that are wanted.

    Attributes:
        source: the file on the hub, named by its path in the repository.
        pinned: what it must be.
        here: the same file where it is on this machine already; None when it is to be downloaded.
    """

    source: SourceFile
    pinned: PinnedFile
    here: Path | None


@dataclass(frozen=True)
class DownloadPlan:
    """What a download consists of.

    Attributes:
        published: the weights.
        pin: what the files are held to.
        files: all that are wanted.
    """

    published: PublishedWeights
    pin: Pin
    files: tuple[PlannedFile, ...]

    def missing(self, store: WeightsStore) -> int:
        """Bytes that are still to be downloaded."""
        return sum(missing_bytes(file.source, store.downloads) for file in self.files if file.here is None)


def plan_download(published: PublishedWeights, store: WeightsStore, endpoint: str | None = None) -> DownloadPlan:
    """What has to be downloaded for the weights, after asking the hub for the repository's files.

    Args:
        published: the weights.
        store: where they are kept.
        endpoint: another hub than the usual; None for the usual.

    Raises:
        WeightsError: the hub does not show the repository or the commit, or lists other files than the pinned ones.
    """
    pin = current_pin(published, store)
    listing = list_repository(published.repo, pin.revision if pin else "", endpoint, _by_hand(published))
    listed = pin_of_listing(published, listing, "first download", FIRST_DOWNLOAD)
    if pin is None or not pin.files:
        _check_commit(published, pin, listing)
        pin = listed
    else:
        _check_listing(published, pin, listing, listed)
    files = wanted_files(published, pin)
    here, manifest = files_by_hash(store), read_manifest(store, published.name)
    own = manifest.files if manifest and manifest.revision == pin.revision else {}
    planned = []
    for name, pinned in files.items():
        digest = pinned.sha256 or (own[name].sha256 if name in own and own[name].bytes == pinned.bytes else "")
        source = SourceFile(
            name=name,
            sha256=pinned.sha256,
            bytes=pinned.bytes,
            repo=pin.repo,
            revision=pin.revision or listing.revision,
        )
        planned.append(PlannedFile(source, pinned, here.get(digest)))
    return DownloadPlan(published, pin, tuple(planned))


def wanted_files(published: PublishedWeights, pin: Pin) -> dict[str, PinnedFile]:
    """The pinned files that weights consist of, by their path.

    Raises:
        WeightsError: a part has no weights that can be read.
    """
    files = dict(pin.files)
    for part in published.parts:
        if not any(part.holds(name) and name.endswith(".safetensors") for name in files):
            raise WeightsError(
                f"{published.repo} has no weights for the {part.name}",
                f"no .safetensors file in {' or '.join(part.folders)}; pickles are not read",
                "Name another commit with `realcam weights pin --revision`.",
            )
    for name in ROOT_FILES:
        if name not in files:
            raise WeightsError(f"{published.repo} is not in diffusers' layout", f"it has no {name}")
    return files


def check_room(plan: DownloadPlan, store: WeightsStore) -> None:
    """Check that the disk has room for what is to be downloaded, and for copies of what lies on another disk.

    Raises:
        WeightsError: it has not.
    """
    copies = 0
    for file in plan.files:
        found = file.here or cached_path(file.source)
        if found is not None and found.stat().st_dev != _device(store.root):
            copies += file.source.bytes
    check_disk_space(
        [SpaceNeeded(store.downloads, plan.missing(store), "to download"), SpaceNeeded(store.root, copies, "to copy")]
    )


def download(
    plan: DownloadPlan,
    store: WeightsStore,
    on_progress: OnProgress,
    endpoint: str | None = None,
    again: bool = False,
) -> InstalledWeights:
    """The installed weights, after downloading what is missing. A part of a file that is there is gone on with.

    The pin of a first download is written down before the first byte: an interrupted one goes on with its commit.

    Args:
        plan: what it consists of.
        store: where they are kept.
        on_progress: told of the bytes fetched and checked. What it raises stops the download and passes through.
        endpoint: another hub than the usual; None for the usual.
        again: do not believe the files that are in their place either: their hashes are compared, too.

    Raises:
        WeightsError: a file cannot be fetched, or is not the pinned one.
        OSError: it cannot be put where it belongs.
    """
    if plan.pin.origin == "first download":
        write_pin(pin_path(store, plan.published.name), plan.pin)
    found: dict[str, tuple[Path, str]] = {}
    for file in plan.files:
        own = store.folder(plan.published.name) / file.source.name
        if file.here is not None and ((file.here == own and not again) or _is_sound(file, on_progress)):
            found[file.source.name] = (file.here, file.source.sha256)
            continue
        fetched = fetch(file.source, store.downloads, on_progress, endpoint)
        _check_git_id(file, fetched.path, store)
        found[file.source.name] = (fetched.path, fetched.source.sha256)
    manifest = read_manifest(store, plan.published.name)
    known = manifest.files if manifest else {}
    files = {
        file.source.name: InstalledFile(
            bytes=file.source.bytes,
            sha256=found[file.source.name][1] or known[file.source.name].sha256,
        )
        for file in plan.files
    }
    made = Manifest(
        weights=plan.published.name,
        repo=plan.pin.repo,
        revision=plan.pin.revision or plan.files[0].source.revision,
        files=files,
    )
    installed = install_files(store, made, {name: path for name, (path, _) in found.items()})
    discard(store.downloads / plan.published.repo)
    return installed


def install_files(store: WeightsStore, manifest: Manifest, paths: Mapping[str, Path]) -> InstalledWeights:
    """Put checked files where they are kept. What was downloaded is moved; other files are linked, or copied.

    Args:
        store: where they are kept.
        manifest: what they are.
        paths: where each file is.

    Raises:
        WeightsError: one cannot be copied.
        OSError: they cannot be put there.
    """
    folder = store.folder(manifest.weights)
    with tempfile.TemporaryDirectory(prefix=FRESH_PREFIX, dir=store.root, ignore_cleanup_errors=True) as fresh:
        moved: dict[str, Path] = {}
        for name, path in paths.items():
            if path == folder / name:
                continue
            if path.is_relative_to(store.downloads):
                moved[name] = path
                continue
            moved[name] = Path(fresh) / name
            moved[name].parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(path, moved[name])
        return put(store, manifest, moved)


def _is_sound(file: PlannedFile, on_progress: OnProgress) -> bool:
    """Whether the content of a file that is here already is the pinned one."""
    if file.here is None:
        return False
    if file.pinned.sha256:
        return sha256_of(file.here, f"Checking {file.source.name}", on_progress) == file.pinned.sha256
    return git_id(file.here.read_bytes()) == file.pinned.git


def _link_or_copy(path: Path, target: Path) -> None:
    """The same content in another place: a second name of the file, or a copy where that is not possible.

    Raises:
        WeightsError: it cannot be copied: the disk is full, or the file cannot be read.
    """
    try:
        os.link(path.resolve(), target)
        return
    except OSError:
        pass
    try:
        shutil.copyfile(path, target)
    except OSError as error:
        raise WeightsError(
            f"{path.name} cannot be copied to the weights",
            f"{target.parent}: {error.strerror or error}",
            "Make room there, or name a folder on the disk of the files with --into, where they need none.",
        ) from error


def _check_git_id(file: PlannedFile, path: Path, store: WeightsStore) -> None:
    if not file.pinned.git or git_id(path.read_bytes()) == file.pinned.git:
        return
    if path.is_relative_to(store.root):
        remove_file(path)
    raise WeightsError(
        f"{file.source.name} is not what {file.source.repo} published",
        f"git's id of it is not {file.pinned.git[:12]}..., which is pinned; it was deleted",
        "Start it again.",
    )


def _check_commit(published: PublishedWeights, pin: Pin | None, listing: RepositoryListing) -> None:
    if pin is not None and pin.revision != listing.revision:
        raise WeightsError(
            f"The hub answers for another commit of {published.repo}",
            f"{listing.revision[:12]}..., not {pin.revision[:12]}..., which is pinned",
            f"Look at what changed there; `realcam weights pin {published.name}` pins the newest.",
        )


def _check_listing(published: PublishedWeights, pin: Pin, listing: RepositoryListing, listed: Pin) -> None:
    """Compare what the hub lists with what is pinned, before anything is downloaded.

    Raises:
        WeightsError: a pinned file is missing or another one.
    """
    if pin.revision:
        _check_commit(published, pin, listing)
    wrong = [name for name in pin.files if name not in listed.files or not pin.same(name, listed.files[name])]
    if wrong:
        raise WeightsError(
            f"The hub lists other files of {published.repo} than those known here",
            f"{len(wrong)} of {len(pin.files)}, {wrong[0]} among them, at commit {listing.revision[:12]}; those known "
            f"here are {pin.known_by or 'pinned'}",
            f"Where you trust the hub, run `realcam weights pin {published.name}`, which pins what it lists.",
        )


def _by_hand(published: PublishedWeights) -> str:
    return (
        f"Or fetch {published.repo} on another computer, with `hf download {published.repo}`, and give its folder "
        f"here: `realcam weights add FOLDER --variant {published.name}`."
    )


def _device(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.stat().st_dev
