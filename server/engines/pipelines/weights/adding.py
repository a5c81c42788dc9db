"""A folder of a pipeline's weights that somebody has already, checked and taken into the folder of weights."""

from __future__ import annotations

import re
from pathlib import Path

from blender_addon.core.progress import OnProgress
from server.model.weights.weights_fetch import SpaceNeeded, check_disk_space, sha256_of
from server.model.weights.weights_sources import WeightsError
from server.model.weights.weights_store import WeightsStore

from .catalogue import PublishedWeights
from .getting import install_files, wanted_files
from .installed import InstalledFile, InstalledWeights, Manifest
from .pins import Pin, PinnedFile, current_pin, git_id, is_used, pin_path, write_pin

_COMMIT = re.compile(r"[0-9a-f]{40}")


def add_folder(
    published: PublishedWeights, folder: Path, store: WeightsStore, trust: bool, on_progress: OnProgress
) -> InstalledWeights:
    """The installed weights, taken from a folder in diffusers' layout: a snapshot of the hub's client, or a copy.

    Each file is compared with the pin. On one disk they are second names of the same files, and take no room.

    Args:
        published: the weights that the folder should hold.
        folder: the folder.
        store: where they are kept.
        trust: whether to take it as it is where nothing is known of its files; later downloads are held to it.
        on_progress: told of the bytes as they are checked.

    Raises:
        WeightsError: files are missing or others than the pinned ones, or nothing is pinned and it is not trusted.
        OSError: a file cannot be read, or put where it belongs.
    """
    if not folder.is_dir():
        raise WeightsError("The folder is not there", str(folder), "Check the path that was typed.")
    pin = current_pin(published, store)
    revision = _commit_of(folder)
    if pin is not None and pin.revision and revision and pin.revision != revision:
        raise WeightsError(
            f"The folder is of another commit of {published.repo}",
            f"{revision[:12]}..., not {pin.revision[:12]}..., which is pinned",
            f"Fetch that one: `hf download {published.repo} --revision {pin.revision}`.",
        )
    if pin is None or not pin.files:
        if not trust:
            raise WeightsError(
                f"What the files of {published.title} must be is not known here",
                f"the files of {published.repo} are not pinned",
                f"Run `realcam weights pin {published.name}` where the hub can be reached and copy what it writes to "
                f"{pin_path(store, published.name)}, or take the folder as it is, with --trust.",
            )
        pin = _pin_of_folder(published, folder, pin.revision if pin else revision, on_progress)
        write_pin(pin_path(store, published.name), pin)
    wanted = wanted_files(published, pin)
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"The folder is not the whole of {published.title}",
            f"{len(missing)} of {len(wanted)} files are missing, {missing[0]} among them",
            f"`realcam weights get {published.name}` fetches all of them.",
        )
    files = {name: _checked(published, name, folder / name, pinned, on_progress) for name, pinned in wanted.items()}
    needed = sum(file.bytes for file in files.values()) if folder.stat().st_dev != _device(store.root) else 0
    check_disk_space([SpaceNeeded(store.root, needed, "to keep a copy")])
    manifest = Manifest(weights=published.name, repo=pin.repo, revision=pin.revision or revision, files=files)
    return install_files(store, manifest, {name: (folder / name).absolute() for name in files})


def _checked(
    published: PublishedWeights, name: str, path: Path, pinned: PinnedFile, on_progress: OnProgress
) -> InstalledFile:
    """A file of the folder, after comparing it with the pin."""
    size = path.stat().st_size
    digest = sha256_of(path, f"Checking {name}", on_progress) if size == pinned.bytes else ""
    same = digest in (pinned.sha256, "") if pinned.sha256 else not pinned.git or git_id(path.read_bytes()) == pinned.git
    if size != pinned.bytes or not same:
        found = f"{size} bytes, not {pinned.bytes}" if size != pinned.bytes else "its hash is another"
        raise WeightsError(
            f"A file of the folder is not the one of {published.repo}",
            f"{path}: {found}",
            "It is damaged or of another commit: fetch it again.",
        )
    return InstalledFile(bytes=size, sha256=digest)


def _pin_of_folder(published: PublishedWeights, folder: Path, revision: str, on_progress: OnProgress) -> Pin:
    """A pin of the files as they are in a folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {
        name: PinnedFile(
            bytes=(folder / name).stat().st_size, sha256=sha256_of(folder / name, f"Checking {name}", on_progress)
        )
        for name in names
        if is_used(published, name)
    }
    known = f"those of a folder that was taken on trust, {folder.name}"
    return Pin(repo=published.repo, revision=revision, origin="first download", known_by=known, files=files)


def _commit_of(folder: Path) -> str:
    """The commit that a folder is of, as the hub's client leaves it: its name in the cache, or a note beside a copy."""
    name = folder.resolve().name
    if _COMMIT.fullmatch(name):
        return name
    for note in sorted((folder / ".cache" / "huggingface" / "download").rglob("*.metadata")):
        first = note.read_text(encoding="utf-8", errors="replace").splitlines()[:1]
        if first and _COMMIT.fullmatch(first[0].strip()):
            return first[0].strip()
    return ""


def _device(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.stat().st_dev
