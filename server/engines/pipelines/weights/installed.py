"""What is installed of a pipeline's weights. Asks no network, reads no weights, and needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.held_files import remove_file, remove_tree, replace_path
from blender_addon.core.progress import OnProgress, unwatched
from server.model.weights.weights_fetch import in_units, sha256_of
from server.model.weights.weights_sources import WeightsError
from server.model.weights.weights_store import WeightsStore, default_store

from .catalogue import PIPELINE_WEIGHTS, PublishedWeights
from .pins import current_pin

MANIFEST_FILE = "realcam-weights.json"
"""Name of the file in a folder of weights that says what they are. It is written last."""


class InstalledFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is installed: its size and the SHA-256 of its content, in hex."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a folder of weights.

    Attributes:
        weights: their name.
        repo: owner/name of the repository.
        revision: the commit; "" for a folder that was taken on trust and does not say it.
        files: by their path in the folder.
    """

    weights: str
    repo: str
    revision: str
    files: dict[str, InstalledFile] = {}


@dataclass(frozen=True)
class InstalledWeights:
    """Weights that are whole.

    Attributes:
        folder: in diffusers' layout.
        manifest: what they are.
    """

    folder: Path
    manifest: Manifest

    @property
    def revision(self) -> str:
        """The commit."""
        return self.manifest.revision

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.manifest.files.values())

    @property
    def sha256(self) -> str:
        """One hash of all files, in hex, for a clip's metadata."""
        lines = (f"{name} {file.sha256}\n" for name, file in sorted(self.manifest.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def installed_weights(name: str, store: WeightsStore | None = None) -> InstalledWeights | None:
    """The weights of this name; None where they are not whole. Their files' sizes are looked at, not their content."""
    store = store or default_store()
    manifest = read_manifest(store, name)
    if manifest is None or missing_files(store, manifest):
        return None
    return InstalledWeights(store.folder(name), manifest)


def weights_absence(name: str, store: WeightsStore | None = None) -> str:
    """Why a pipeline's weights cannot be used, in words with the command that mends it; "" when they can.

    Args:
        name: of the weights.
        store: where they are kept; None for the usual.
    """
    store = store or default_store()
    published, manifest = PIPELINE_WEIGHTS[name], read_manifest(store, name)
    command = f"realcam weights get {name}"
    if manifest is None:
        size = sum(part.bytes for part in published.parts)
        much = f" ({in_units(size)})" if all(part.bytes for part in published.parts) else ""
        return f"the weights of {published.title} are not on the server: run `{command}` there{much}"
    if missing := missing_files(store, manifest):
        return (
            f"{len(missing)} of {len(manifest.files)} files of the weights of {published.title} are missing or not "
            f"whole, {missing[0]} among them: run `{command}`, which fetches those"
        )
    try:
        pin = current_pin(published, store)
    except WeightsError as error:
        return error.sentence
    if pin is not None and pin.revision and manifest.revision and pin.revision != manifest.revision:
        return (
            f"the weights of {published.title} are of commit {manifest.revision[:8]}, not of {pin.revision[:8]}, which "
            f"is pinned: run `{command} --again`"
        )
    return ""


def read_manifest(store: WeightsStore, name: str) -> Manifest | None:
    """What a folder of weights says of itself, whole or not; None where it says nothing."""
    try:
        manifest = msgspec.json.decode((store.folder(name) / MANIFEST_FILE).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError):
        return None
    return manifest if manifest.weights == name else None


def missing_files(store: WeightsStore, manifest: Manifest) -> list[str]:
    """The files of a manifest that are not there in their size, by their path."""
    folder = store.folder(manifest.weights)
    return [name for name, file in manifest.files.items() if not _has_size(folder / name, file.bytes)]


def files_by_hash(store: WeightsStore) -> dict[str, Path]:
    """The files of all installed weights, by their SHA-256: pipelines share text encoders."""
    found = {}
    for name in PIPELINE_WEIGHTS:
        manifest = read_manifest(store, name)
        for file, facts in manifest.files.items() if manifest else ():
            path = store.folder(name) / file
            if _has_size(path, facts.bytes):
                found[facts.sha256] = path
    return found


def put(store: WeightsStore, manifest: Manifest, paths: Mapping[str, Path]) -> InstalledWeights:
    """Move files into the folder of their weights. The manifest is written last: without it nothing is there.

    Args:
        store: where they are kept.
        manifest: what they are.
        paths: where each file is now, on the same disk, by its path in the folder. A file of the manifest that is
            not named stays where it is.

    Raises:
        OSError: they cannot be moved.
    """
    folder = store.folder(manifest.weights)
    folder.mkdir(parents=True, exist_ok=True)
    remove_file(folder / MANIFEST_FILE)
    for name, path in paths.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        replace_path(path, folder / name)
    for left in [path for path in folder.rglob("*") if path.is_file()]:
        if left.relative_to(folder).as_posix() not in manifest.files:
            remove_file(left)
    write_atomic(folder / MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(manifest)))
    return InstalledWeights(folder, manifest)


def remove_weights(published: PublishedWeights, store: WeightsStore) -> int:
    """Delete weights and what was downloaded of them; the bytes that they took. Their pin stays.

    Raises:
        WeightsError: there are none, or another program holds a file.
    """
    folders = [store.folder(published.name), store.downloads / published.repo]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise WeightsError(f"{published.name} is not installed", f"nothing of it in {folders[0]}")
    size = sum(path.stat().st_size for folder in there for path in folder.rglob("*") if path.is_file())
    for folder in there:
        try:
            remove_tree(folder)
        except OSError as error:
            raise WeightsError(
                "The weights cannot be removed",
                f"{error.filename}: {error.strerror}",
                "Stop the server that uses them.",
            ) from error
    return size


def verify_weights(
    published: PublishedWeights, store: WeightsStore, on_progress: OnProgress = unwatched
) -> InstalledWeights:
    """The weights of a pipeline, after comparing each file's hash with the manifest's.

    Raises:
        WeightsError: they are not whole, or a file changed.
    """
    here = installed_weights(published.name, store)
    if here is None:
        raise WeightsError(
            f"{published.name} is not installed", weights_absence(published.name, store=store), "Then check again."
        )
    for name, file in here.manifest.files.items():
        found = sha256_of(here.folder / name, f"Checking {name}", on_progress)
        if found != file.sha256:
            raise WeightsError(
                "The weights changed on the disk",
                f"{name} has SHA-256 {found[:16]}..., it had {file.sha256[:16]}...",
                f"Run `realcam weights get {published.name} --again`.",
            )
    return here


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
