"""Pins: the commit of a repository that weights are taken from, and what each of its files must be.

A pin comes with this program, is written by `realcam weights pin`, or is the commit of the first download here.
Whatever is downloaded or added later is held to it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

import msgspec

from blender_addon.core.atomic_file import write_atomic
from server.model.weights.weights_sources import RepositoryListing, WeightsError
from server.model.weights.weights_store import WeightsStore

from .catalogue import PublishedWeights

PACKAGED = Path(__file__).with_name("pins")
"""The folder of the pins that come with this program."""

Origin = Literal["program", "command", "first download"]


class PinnedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file must be.

    Attributes:
        bytes: its size.
        sha256: of its content, in hex; "" where only `git` is known.
        git: its id in git, the SHA-1 of a header and its content, in hex; "" where only `sha256` is known.
    """

    bytes: int
    sha256: str = ""
    git: str = ""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """The commit that weights are taken from.

    Attributes:
        repo: owner/name of the repository.
        revision: the commit; "" where files were taken on trust from a folder that does not say it.
        origin: whether it comes with the program, was chosen by `realcam weights pin`, or is that of the first
            download here.
        known_by: in words, how what it says is known.
        files: what each file must be, by its path in the repository; empty where the commit alone is known.
    """

    repo: str
    revision: str = ""
    origin: Origin = "program"
    known_by: str = ""
    files: dict[str, PinnedFile] = {}

    def same(self, file: str, listed: PinnedFile) -> bool:
        """Whether a file as it is listed or found is the pinned one; a file that is not pinned is anything."""
        pinned = self.files.get(file)
        if pinned is None:
            return not self.files
        pairs = ((pinned.sha256, listed.sha256), (pinned.git, listed.git))
        return pinned.bytes == listed.bytes and all(ours == theirs for ours, theirs in pairs if ours and theirs)


def pin_path(store: WeightsStore, name: str) -> Path:
    """The file of a pin that was made on this machine."""
    return store.root / "pins" / f"{name}.toml"


def current_pin(published: PublishedWeights, store: WeightsStore) -> Pin | None:
    """The pin that holds on this machine; None where nothing is pinned yet.

    One that was chosen by the command comes first, then this program's; that of a first download holds where the
    program names no other commit.

    Raises:
        WeightsError: the file of a pin cannot be read.
    """
    ours = read_pin(PACKAGED / f"{published.name}.toml", published)
    here = read_pin(pin_path(store, published.name), published)
    if here is None or (here.origin == "first download" and ours is not None and ours.revision != here.revision):
        return ours
    return here


def read_pin(path: Path, published: PublishedWeights) -> Pin | None:
    """The pin in a file; None where there is no file.

    Raises:
        WeightsError: it cannot be read, or is another repository's.
    """
    try:
        pin = msgspec.toml.decode(path.read_bytes(), type=Pin)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The pin of {published.name} cannot be read", f"{path}: {error}", "Mend it, or delete it."
        ) from error
    if pin.repo != published.repo:
        raise WeightsError(
            f"The pin is not that of {published.name}", f"{path} names {pin.repo}, not {published.repo}", "Delete it."
        )
    return pin


def write_pin(path: Path, pin: Pin) -> None:
    """Write a pin, the folder above it too.

    Raises:
        OSError: it cannot be written.
    """
    head = {"repo": pin.repo, "revision": pin.revision, "origin": pin.origin, "known_by": pin.known_by}
    lines = [f"{key} = {json.dumps(value)}" for key, value in head.items() if value]
    lines += ["", "[files]"]
    for name, file in sorted(pin.files.items()):
        facts = {"bytes": file.bytes, "sha256": file.sha256, "git": file.git}
        inside = ", ".join(f"{key} = {json.dumps(value)}" for key, value in facts.items() if value != "")
        lines.append(f"{json.dumps(name)} = {{ {inside} }}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, ("\n".join(lines) + "\n").encode())


def pin_of_listing(published: PublishedWeights, listing: RepositoryListing, origin: Origin, known_by: str) -> Pin:
    """A pin of every file of a repository that its parts may need, as the hub lists them."""
    files = {
        file.name: PinnedFile(bytes=file.bytes, sha256=file.sha256, git="" if file.sha256 else file.git)
        for file in listing.files
        if is_used(published, file.name)
    }
    return Pin(repo=listing.repo, revision=listing.revision, origin=origin, known_by=known_by, files=files)


USED_KINDS = (".safetensors", ".json", ".model", ".txt", ".jinja")
"""Ends of the names of files that a pipeline is loaded from. Pickles and code are not among them."""


def is_used(published: PublishedWeights, name: str) -> bool:
    """Whether a pipeline is loaded from a file, by its path in the repository. Paths that lead outside never are."""
    parts = name.split("/")
    if "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
        return False
    if not name.endswith(USED_KINDS):
        return False
    return ("/" not in name and name.endswith(".json")) or published.part_of(name) is not None


def git_id(content: bytes) -> str:
    """The id that git gives a file's content, in hex."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
