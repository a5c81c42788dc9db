"""How long an engine's clips take on this server, by its own earlier jobs."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import msgspec

from blender_addon.core.protocol.capability import EngineCapability, EngineKind
from blender_addon.core.protocol.engine_facts import EnginePace

from .job_store import JobStore

LATEST = 5
"""How many of an engine's newest clips say how long the next takes: options, weights and the machine change."""


def with_paces(engines: Iterable[EngineCapability], store: JobStore) -> tuple[EngineCapability, ...]:
    """The capabilities, those of engines of clips with their pace where earlier jobs tell it.

    Args:
        engines: as the worker told them.
        store: the server's jobs.
    """
    return tuple(
        msgspec.structs.replace(engine, pace=pace(store.latest_clips(engine.name, LATEST)) or msgspec.UNSET)
        if engine.kind is EngineKind.CLIP
        else engine
        for engine in engines
    )


def pace(clips: Iterable[tuple[float, int]]) -> EnginePace | None:
    """How long an engine takes for a million pixels; None without clips.

    Args:
        clips: of each (seconds that the engine took, pixels of all frames together).
    """
    rates = [seconds / pixels * 1e6 for seconds, pixels in clips if pixels > 0]
    return EnginePace(seconds=median(rates), jobs=len(rates)) if rates else None
