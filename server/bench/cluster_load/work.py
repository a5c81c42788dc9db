"""What is measured: two engines that do no work, and the same as functions for plain calls of Ray."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot_file import decode_shot
from blender_addon.core.protocol.messages import Limits
from server.bench.service import ECHO, EchoEngine
from server.bench.service_load.engine import CLOCKWORK, ClockworkEngine
from server.engines.engine import Engine, EngineNeeds
from server.service.workers.clip_files import write_clip_files

A_CARD = EngineNeeds(cards=1, without_card="never")


class CardClockworkEngine(ClockworkEngine):
    """As ClockworkEngine, on workers with a card alone: a cluster has one for each that its nodes say they have."""

    needs = A_CARD


class CardEchoEngine(EchoEngine):
    """As EchoEngine, on workers with a card alone."""

    needs = A_CARD


def here() -> dict[str, Callable[[], Engine]]:
    """The factories for a server of this machine, whose workers have no cards."""
    return {CLOCKWORK: ClockworkEngine, ECHO: EchoEngine}


def on_cards() -> dict[str, Callable[[], Engine]]:
    """The factories for a server on a cluster."""
    return {CLOCKWORK: CardClockworkEngine, ECHO: CardEchoEngine}


def ticked(payload: bytes) -> int:
    """The process that has made a clip as ClockworkEngine does."""
    _written(ClockworkEngine().generate(decode_shot(payload, Limits()), lambda report: None))
    return os.getpid()


def echoed(payload: bytes) -> list[bytes]:
    """The files of a clip as EchoEngine makes it."""
    return _written(EchoEngine().generate(decode_shot(payload, Limits()), lambda report: None))


def _written(clip: Clip) -> list[bytes]:
    """The content of the clip's files, which are written as a worker writes them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        return [(folder / file.name).read_bytes() for file in write_clip_files(folder, clip)]
