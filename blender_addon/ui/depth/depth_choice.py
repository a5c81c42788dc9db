"""The depth predictor as a drop-down of what the server offers. The scene stores its name; "": the first that runs."""

from __future__ import annotations

from typing import Any, Protocol

from ...core.protocol.capability import EngineCapability
from ...generation.jobs import jobs

UNKNOWN = "-"
"""The list's only identifier until a server has answered: an empty one would be drawn as a heading."""

EnumItem = tuple[str, str, str, int]

_kept: list[EnumItem] = []
"""The items last given: Blender does not keep a dynamic enum's strings."""


class PredictorField(Protocol):
    """What this module reads and writes of `scene.realcam` (properties.RealCamShot)."""

    predictor_name: str


def chosen_predictor(shot: PredictorField) -> EngineCapability | None:
    """The chosen predictor; None when it is not on offer, or no server has answered."""
    if shot.predictor_name:
        return next((p for p in jobs.predictors if p.name == shot.predictor_name), None)
    able = [p for p in jobs.predictors if not p.unavailable]
    return next(iter(able or jobs.predictors), None)


def predictor_items(shot: PredictorField, _context: Any) -> list[EnumItem]:
    """The drop-down's items: every predictor on offer, and the stored one."""
    items = [(p.name, p.label, p.description) for p in jobs.predictors]
    if shot.predictor_name and all(item[0] != shot.predictor_name for item in items):
        items.append((shot.predictor_name, f"{shot.predictor_name} (not on this server)", "Choose another"))
    if not items:
        items.append((UNKNOWN, "Connect to choose", "What the server offers is known once it was asked"))
    numbered = [(*item, index) for index, item in enumerate(items)]
    if _kept != numbered:
        _kept[:] = numbered
    return _kept


def get_predictor(shot: PredictorField) -> int:
    """The index of the chosen predictor in the drop-down."""
    chosen = chosen_predictor(shot)
    name = chosen.name if chosen is not None else shot.predictor_name
    return next((item[3] for item in predictor_items(shot, None) if item[0] == name), 0)


def set_predictor(shot: PredictorField, index: int) -> None:
    """Store the predictor with this index."""
    chosen = predictor_items(shot, None)[index][0]
    shot.predictor_name = "" if chosen == UNKNOWN else chosen
