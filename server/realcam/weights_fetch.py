"""Files of the hub to this disk: gone on with where a download broke off, checked by their hash."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .weights_sources import OnBytes, WeightsError, network_errors
from .weights_store import SourceFile


@dataclass(frozen=True)
class Fetched:
    """A file on this disk and what it is, its hash as found here."""

    path: Path
    source: SourceFile


def fetch(source: SourceFile, folder: Path, on_bytes: OnBytes, endpoint: str | None = None) -> Fetched:
    """The file in `folder`, or in the hub's own cache if it is there and sound. What is there is not fetched again.

    Raises WeightsError when it cannot be fetched or its hash is another; such a file is deleted from `folder`.
    """
    cached = _cached(source)
    if cached is not None:
        found = sha256_of(cached, lambda done, of: on_bytes(source.name, done, of))
        if found == (source.sha256 or found):
            return Fetched(cached, msgspec.structs.replace(source, sha256=found))
    path = folder / source.repo / source.revision / source.name
    if not path.is_file():
        try:
            _download(source, path, endpoint)
        except network_errors() as error:
            raise WeightsError(
                f"{source.name} of {source.repo} could not be fetched",
                str(error).splitlines()[0],
                "Run the same command again: it goes on where it was.",
            ) from error
    found = sha256_of(path, lambda done, of: on_bytes(source.name, done, of))
    if source.sha256 and found != source.sha256:
        path.unlink()
        raise WeightsError(
            f"{source.name} is not what {source.repo} published",
            f"its SHA-256 is {found[:16]}..., expected {source.sha256[:16]}...; it was deleted",
            "Run the command again.",
        )
    return Fetched(path, msgspec.structs.replace(source, sha256=found))


def discard(fetched: Iterable[Fetched], folder: Path) -> None:
    """Delete those of the files that were fetched into `folder`; those of the hub's own cache belong to others."""
    for file in fetched:
        if file.path.is_relative_to(folder):
            file.path.unlink()


def local_source(path: Path, on_bytes: OnBytes) -> SourceFile:
    """A file of the user's own, hashed. Raises WeightsError when it is not there."""
    if not path.is_file():
        raise WeightsError("The weights file is not there", str(path))
    digest = sha256_of(path, lambda done, of: on_bytes(path.name, done, of))
    return SourceFile(name=path.name, sha256=digest, bytes=path.stat().st_size)


def sha256_of(path: Path, on_bytes: Callable[[int, int], None] = lambda done, of: None) -> str:
    """Hex digest, told as it goes."""
    digest, size, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done, size)
    return digest.hexdigest()


def _cached(source: SourceFile) -> Path | None:
    """Where another program had the hub's client put it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repo, source.name, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def _download(source: SourceFile, path: Path, endpoint: str | None) -> None:
    """Not hf_hub_download: it throws away what it has when the line breaks, and these are files of ten gigabytes."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    done = part.stat().st_size if part.exists() else 0
    if source.bytes and done > source.bytes:
        # Two downloads at once wrote to it.
        part.unlink()
        done = 0
    missing, free = source.bytes - done, shutil.disk_usage(path.parent).free
    if free < missing:
        why = f"{missing / 1e9:.1f} GB missing of {source.name}, {free / 1e9:.1f} GB free in {path.parent}"
        raise WeightsError("The disk is too small for the weights", why)
    url = hf_hub_url(source.repo, source.name, revision=source.revision, endpoint=endpoint)
    with part.open("ab") as file:
        where = get_hf_file_metadata(url, endpoint=endpoint).location
        http_get(where, file, resume_size=done, expected_size=source.bytes or None, displayed_filename=source.name)
    part.replace(path)
