"""How long an engine's clips take on this server, by its own earlier jobs."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import msgspec

from blender_addon.core.payloads.payload import JobPayload
from blender_addon.core.payloads.shot import Shot
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


def clip_pixels(payload: JobPayload, engine: EngineCapability) -> int:
    """The pixels of all frames of the clip that is asked for, at the size that the engine makes; 0 where none is.

    Args:
        payload: of the job.
        engine: that ran it.
    """
    if not isinstance(payload, Shot):
        return 0
    frames, height, width = payload.preview.shape[:3]
    made = (width, height) if engine.about is msgspec.UNSET else engine.about.made_size((width, height))
    return frames * made[0] * made[1]


def pace(clips: Iterable[tuple[float, int]]) -> EnginePace | None:
    """How long an engine takes for a million pixels; None without clips.

    Args:
        clips: of each (seconds that the engine took, pixels of all frames together).
    """
    rates = [seconds / pixels * 1e6 for seconds, pixels in clips if pixels > 0]
    return EnginePace(seconds=median(rates), jobs=len(rates)) if rates else None
