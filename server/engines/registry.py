"""All engines of this server by name. An engine is imported when it is made, so that light ones never load torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from blender_addon.core.payloads.check_request import CHECKER
from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import AnyEngine, Engine


def _draft() -> Engine:
    from server.engines.draft.engine import DraftEngine

    return DraftEngine()


def _realcam() -> Engine:
    from server.engines.realcam.engine import RealCamEngine
    from server.engines.realcam.sources import chosen_source

    return RealCamEngine(chosen_source())


def _vace() -> Engine:
    from server.engines.vace.engine import VaceEngine
    from server.engines.vace.sources import chosen_sources

    return VaceEngine(chosen_sources())


def _wan_i2v() -> Engine:
    from server.engines.wan_i2v.engine import WanEngine
    from server.engines.wan_i2v.sources import chosen_source

    return WanEngine([chosen_source()])


def _sana_wm() -> Engine:
    from server.engines.sana_wm.engine import SanaEngine
    from server.engines.sana_wm.sources import chosen_source, refiner_source

    return SanaEngine([chosen_source()], refiner_source())


def engines() -> dict[str, Callable[[], Engine]]:
    """Functions that make the engines of clips, by name; the first is the default. Each imports what its
    engine needs.
    """
    return {"draft": _draft, "realcam": _realcam, "vace": _vace, "wan-i2v": _wan_i2v, "sana-wm": _sana_wm}


def _predictor(name: str) -> AnyEngine:
    from server.depth.catalogue import CARDS
    from server.engines.depth.engine import PredictorEngine

    return PredictorEngine(CARDS[name])


def _camera_check() -> AnyEngine:
    from server.engines.camera_check.engine import CameraChecker

    return CameraChecker()


def served() -> dict[str, Callable[[], AnyEngine]]:
    """Functions that make everything a server offers: the engines, the depth predictors and the camera
    check, by name.
    """
    from server.depth.catalogue import CARDS

    return {**engines(), **{name: partial(_predictor, name) for name in CARDS}, CHECKER: _camera_check}


def capabilities() -> tuple[EngineCapability, ...]:
    """What each engine of clips can do on this machine now, in the order of `engines()`."""
    return tuple(make().capability for make in engines().values())
