"""Downloads of hub files: resumed where they broke off, and checked by their hash."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from blender_addon.core import held_files
from blender_addon.core.file_paths import nearest_existing
from blender_addon.core.held_files import remove_file, replace_path
from blender_addon.core.progress import JobProgress, OnProgress, unwatched

from .transfer import Transfer, watched
from .weights_sources import WeightsError, first_line, network_errors, refused
from .weights_store import FRESH_PREFIX, SourceFile, WeightsStore


@dataclass(frozen=True)
class FetchedFile:
    """A file on this disk.

    Attributes:
        path: where it is.
        source: what it is, with the hash as found here.
    """

    path: Path
    source: SourceFile


def fetch(source: SourceFile, folder: Path, on_progress: OnProgress, endpoint: str | None = None) -> FetchedFile:
    """The file in `folder`, or in the hub's own cache if it is there and sound. What is there is not fetched again.

    Args:
        source: the file on the hub.
        folder: where downloads are put.
        on_progress: told of the bytes fetched and checked.
        endpoint: another hub than the usual; None for the usual.

    Raises:
        WeightsError: it cannot be fetched, or its hash is another; such a file is deleted from `folder`.
    """
    cached = cached_path(source)
    if cached is not None:
        found = sha256_of(cached, f"Checking {source.name}", on_progress)
        if found == (source.sha256 or found):
            return FetchedFile(cached, msgspec.structs.replace(source, sha256=found))
    path = _place(source, folder)
    if not path.is_file():
        try:
            _download(source, path, on_progress, endpoint)
        except network_errors() as error:
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            start = f"Make room in {folder} and start" if full else "Start"
            raise refused(source.repo, error) or WeightsError(
                f"{source.name} of {source.repo} could not be fetched",
                first_line(error),
                f"{start} it again: it goes on where it was.",
            ) from error
    found = sha256_of(path, f"Checking {source.name}", on_progress)
    if source.sha256 and found != source.sha256:
        remove_file(path)
        raise WeightsError(
            f"{source.name} is not what {source.repo} published",
            f"its SHA-256 is {found[:16]}..., expected {source.sha256[:16]}...; it was deleted",
            "Start it again.",
        )
    return FetchedFile(path, msgspec.structs.replace(source, sha256=found))


def missing_bytes(source: SourceFile, folder: Path) -> int:
    """How many bytes `fetch` would have to download."""
    path = _place(source, folder)
    if path.is_file() or cached_path(source) is not None:
        return 0
    part = _part(path)
    return max(source.bytes - (part.stat().st_size if part.exists() else 0), 0)


def discard(fetched: Iterable[FetchedFile], folder: Path) -> None:
    """Delete those of the files that were fetched into `folder`; those of the hub's own cache are left alone.

    One that is still open somewhere stays, which is logged.
    """
    for file in fetched:
        if file.path.is_relative_to(folder):
            held_files.discard(file.path, held_files.PATIENCE)


def local_source(path: Path, on_progress: OnProgress) -> SourceFile:
    """The description of a file of the user's own, with its hash.

    Raises:
        WeightsError: it is not there, or is a folder.
    """
    check_file(path)
    digest = sha256_of(path, f"Checking {path.name}", on_progress)
    return SourceFile(name=path.name, sha256=digest, bytes=path.stat().st_size)


def check_file(path: Path) -> None:
    """Refuse a path of the user's that names no file.

    Raises:
        WeightsError: it is not there, or is a folder.
    """
    if path.is_dir():
        raise WeightsError("A folder is named where a file is meant", str(path), "Name the file itself.")
    if not path.is_file():
        raise WeightsError("The file is not there", str(path), "Check what was typed.")


def sha256_of(path: Path, stage: str = "", on_progress: OnProgress = unwatched) -> str:
    """The SHA-256 of a file, in hex.

    Args:
        path: of the file.
        stage: name under which progress is reported.
        on_progress: told of the bytes as they are read.
    """
    digest, size, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            done += len(chunk)
            on_progress(JobProgress(done, size, stage))
    return digest.hexdigest()


def cached_path(source: SourceFile) -> Path | None:
    """Where the hub's client put the file for another program; None if it did not."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, source.name, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def _place(source: SourceFile, folder: Path) -> Path:
    return folder / source.repo / source.revision / source.name


def _part(path: Path) -> Path:
    """Where the part of a file is kept that has been downloaded so far."""
    return path.with_name(path.name + ".part")


def _download(source: SourceFile, path: Path, on_progress: OnProgress, endpoint: str | None) -> None:
    """Download the file to `path`, going on with the part that is there.

    This is not hf_hub_download, which throws away what it has when the line breaks: these are files of ten gigabytes.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    done = part.stat().st_size if part.exists() else 0
    if source.bytes and done > source.bytes:
        remove_file(part)
        done = 0
    if not source.bytes or done < source.bytes:
        url = hf_hub_url(source.repo, source.name, revision=source.revision, endpoint=endpoint)

        def on_length(length: int) -> None:
            on_progress(JobProgress(length, source.bytes, f"Fetching {source.name}"))

        there = watched(lambda: get_hf_file_metadata(url, endpoint=endpoint), lambda: on_length(done))
        # Checked before the part is written: another page than the file (a login page, say) would overwrite it.
        _check_length(source, there.size)

        # Small files of a repository that asks for an account come from the hub itself; the others lie elsewhere, at
        # an address that was signed, and get no token of the user's.
        at_hub = urlsplit(there.location).netloc == urlsplit(url).netloc
        Transfer(there.location, part, build_hf_headers() if at_hub else {}).run(on_length)
    try:
        _check_length(source, part.stat().st_size)
    except WeightsError:
        remove_file(part)
        raise
    replace_path(part, path)


def _check_length(source: SourceFile, found: int | None) -> None:
    if source.bytes and found is not None and found != source.bytes:
        raise WeightsError(
            f"{source.name} of {source.repo} could not be fetched",
            f"what came has {found} bytes, the hub lists {source.bytes}",
            "Check the network for a login page or a proxy, and start it again.",
        )


@dataclass(frozen=True)
class SpaceNeeded:
    """Disk space that will be used.

    Attributes:
        folder: below which it will be used; it need not exist yet.
        bytes: how much.
        purpose: for what, as the error's message says it.
    """

    folder: Path
    bytes: int
    purpose: str


def check_disk_space(needs: Iterable[SpaceNeeded]) -> None:
    """Check that each file system has room for everything that will be stored on it.

    Raises:
        WeightsError: one has not.
    """
    on_disk: dict[int, list[SpaceNeeded]] = defaultdict(list)
    for need in needs:
        on_disk[_existing(need.folder).stat().st_dev].append(need)
    for together in on_disk.values():
        wanted = sum(need.bytes for need in together)
        folder = _existing(together[0].folder)
        free = shutil.disk_usage(folder).free
        if free < wanted:
            parts = " and ".join(f"{in_units(need.bytes)} {need.purpose}" for need in together if need.bytes)
            raise WeightsError(
                "The disk is too small for the weights",
                f"{parts} are needed, {in_units(free)} are free in {folder}",
                f"Make {in_units(wanted - free)} of room there, or name a folder on another disk with --into or "
                "REALCAM_WEIGHTS.",
            )


def in_units(count: int) -> str:
    """A number of bytes for people to read, in units of 1000."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that exists.

    Raises:
        WeightsError: there is none.
    """
    existing = nearest_existing(folder)
    if existing is None:
        raise WeightsError(
            "There is no place for the weights",
            f"the drive of {folder} is not there",
            "Connect it, or name another folder with --into or REALCAM_WEIGHTS.",
        )
    return existing


LOCK_FILE = ".get.lock"
"""Name of the file in a store that is locked while weights are fetched into it."""


@contextmanager
def install_lock(store: WeightsStore) -> Iterator[None]:
    """Keep other processes from fetching into `store` or installing there meanwhile.

    The system releases the lock also when the process is killed. What an earlier installation left half done is
    deleted.

    Raises:
        WeightsError: another process holds the lock, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(store.root / LOCK_FILE, timeout=0)
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise WeightsError(
            "Weights are being fetched there already",
            str(store.root),
            "Wait for that to end, then start this again.",
        ) from error
    except OSError as error:
        raise WeightsError(
            "Weights cannot be kept there",
            f"{store.root}: {error.strerror}",
            "Name a folder of your own with --into or REALCAM_WEIGHTS.",
        ) from error
    try:
        for left in store.root.glob(f"{FRESH_PREFIX}*"):
            held_files.discard(left)
        yield
    finally:
        lock.release()
