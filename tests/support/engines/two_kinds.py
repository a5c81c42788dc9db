"""An engine for workers of networks and one for short jobs: `--engines tests.support.engines.two_kinds:engines`."""

from __future__ import annotations

from collections.abc import Callable

from server.engines.engine import Engine, EngineNeeds

from .misbehaving import CopyEngine


class LongEngine(CopyEngine):
    """Computes long where there is no card."""

    name = "long"
    needs = EngineNeeds(cards=1, without_card="alone")


class ShortEngine(CopyEngine):
    """Needs nothing."""

    name = "short"
    needs = EngineNeeds()


class TwoCards(CopyEngine):
    """Needs what no test's server has."""

    name = "two-cards"
    needs = EngineNeeds(cards=2, card_memory=40 * 2**30, without_card="never")


def engines() -> dict[str, Callable[[], Engine]]:
    return {kind.name: kind for kind in (ShortEngine, LongEngine, TwoCards)}
