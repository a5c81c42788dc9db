"""Files whose commit and hash are not known beforehand: trusted when first downloaded, held to what they were then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_whole

from .weights_sources import HubFile, WeightsError
from .weights_store import SourceFile

LOCK_FILE = "lock.json"


class WeightsLock:
    """A file beside the weights, from repository and name to what was first found there."""

    def __init__(self, path: Path) -> None:
        """Raises WeightsError when the file is there and cannot be read."""
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
        """True when this file was downloaded before."""
        held = self._held.get(_key(file))
        return held is not None and bool(held.sha256)

    def pinned(self, file: HubFile) -> HubFile:
        """`file` with the commit and the hash of its first download, where the weights source itself says none."""
        held = self._held.get(_key(file))
        if held is None:
            return file
        return replace(file, name=held.name, revision=file.revision or held.revision, sha256=file.sha256 or held.sha256)

    def remember_commit(self, file: HubFile, source: SourceFile) -> None:
        """Write down which commit `file` is about to be fetched from, so that a download that breaks off goes on with
        the same."""
        self.remember(file, msgspec.structs.replace(source, sha256=""))

    def remember(self, file: HubFile, source: SourceFile) -> None:
        """Write down what `file` was, unless that is known already; the list on the disk is whole at any time."""
        if self.holds(file):
            return
        self._held[_key(file)] = source
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(self._held)))


def _key(file: HubFile) -> str:
    return f"{file.repo}/{file.name}"
