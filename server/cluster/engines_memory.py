"""What the engines of a cluster can do, kept so that a server can start, and take jobs, while the cluster is gone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.version import VERSION
from server.engines.engine import EngineNeeds

log = logging.getLogger("realcam.cluster")


class KnownEngines(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of the engines.

    Attributes:
        version: of the server that knew it.
        module: the `module:function` that returns the engines.
        engines: what they can do.
        needs: what they need of a machine, by name.
    """

    version: str
    module: str
    engines: tuple[EngineCapability, ...]
    needs: dict[str, EngineNeeds]


class EnginesMemory:
    """A file in the data directory.

    Args:
        folder: the data directory.
        module: the `module:function` that returns the engines.
    """

    def __init__(self, folder: Path, module: str) -> None:
        self._path = folder / "cluster-engines.json"
        self._module = module
        self._kept: KnownEngines | None = None

    def recall(self) -> KnownEngines | None:
        """What a server of this version knew of these engines; None when there is nothing."""
        try:
            known = msgspec.json.decode(self._path.read_bytes(), type=KnownEngines)
        except (OSError, msgspec.DecodeError):
            return None
        return known if (known.version, known.module) == (VERSION, self._module) else None

    def keep(self, engines: tuple[EngineCapability, ...] | None, needs: Mapping[str, EngineNeeds]) -> None:
        """Write what is known, if it is not what was written last."""
        if engines is None or (self._kept is not None and engines is self._kept.engines):
            return
        self._kept = KnownEngines(version=VERSION, module=self._module, engines=engines, needs=dict(needs))
        try:
            write_atomic(self._path, msgspec.json.encode(self._kept))
        except OSError as error:
            log.warning("what the engines can do is not kept: %s", error)
