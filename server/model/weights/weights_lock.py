"""A lock file for downloads whose commit and hash are not known beforehand.

Such files are trusted when they are first downloaded, and held to that commit and hash from then on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_atomic

from .weights_sources import HubFile, WeightsError
from .weights_store import SourceFile

LOCK_FILE = "lock.json"
"""Name of the lock file in the folder of the weights."""


class WeightsLock:
    """The lock file: what was first found under each repository and name."""

    def __init__(self, path: Path) -> None:
        """Read the lock file.

        Args:
            path: of the file, which need not exist.

        Raises:
            WeightsError: the file is there and cannot be read.
        """
        self._path = path
        try:
            self._held = msgspec.json.decode(path.read_bytes(), type=dict[str, SourceFile])
        except FileNotFoundError:
            self._held = {}
        except (OSError, msgspec.MsgspecError) as error:
            raise WeightsError(
                "What was downloaded before is not known", f"{path}: {error}", "Mend or delete it."
            ) from error

    def holds(self, file: HubFile) -> bool:
        """Whether this file was downloaded before."""
        held = self._held.get(_key(file))
        return held is not None and bool(held.sha256)

    def pinned(self, file: HubFile) -> HubFile:
        """`file` by the name of its first download, and with its commit and hash where `file` says none itself."""
        held = self._held.get(_key(file))
        if held is None:
            return file
        return replace(file, name=held.name, revision=file.revision or held.revision, sha256=file.sha256 or held.sha256)

    def remember_commit(self, file: HubFile, source: SourceFile) -> None:
        """Write down the commit that `file` is about to be fetched from: an interrupted download goes on with it."""
        self.remember(file, msgspec.structs.replace(source, sha256=""))

    def remember(self, file: HubFile, source: SourceFile) -> None:
        """Write down what `file` was, unless that is known already. The lock file is replaced as a whole."""
        if self.holds(file):
            return
        self._held[_key(file)] = source
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, msgspec.json.format(msgspec.json.encode(self._held)))


def _key(file: HubFile) -> str:
    return f"{file.repo}/{file.name}"
