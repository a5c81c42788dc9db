"""An engine for workers of networks and one for short jobs: `--engines tests.support.engines.two_kinds:engines`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from server.engines.engine import Engine, EngineNeeds

from .misbehaving import CopyEngine


class LongEngine(CopyEngine):
    """Computes long where there is no card. `options["released"]`: a path at which it notes that it was released."""

    name = "long"
    needs = EngineNeeds(cards=1, without_card="alone")

    def __init__(self) -> None:
        self._note: Path | None = None

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        if "released" in shot.settings.options:
            self._note = Path(str(shot.settings.options["released"]))
        return super().generate(shot, report)

    def release(self) -> None:
        if self._note is not None:
            self._note.touch()


class OtherLongEngine(LongEngine):
    """Shares its worker."""

    name = "other-long"


class ShortEngine(CopyEngine):
    """Needs nothing."""

    name = "short"
    needs = EngineNeeds()


class TwoCards(CopyEngine):
    """Needs what no test's server has."""

    name = "two-cards"
    needs = EngineNeeds(cards=2, card_memory=40 * 2**30, without_card="never")


def engines() -> dict[str, Callable[[], Engine]]:
    return {kind.name: kind for kind in (ShortEngine, LongEngine, OtherLongEngine, TwoCards)}
