"""The depth predictor as three drop-downs of what the server offers: by scenes, by size, by name.

The scene stores its name; "": the first that runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...core.protocol.capability import EngineCapability, PredictorFacts
from ...generation.jobs import jobs

UNKNOWN = "-"
"""A list's only identifier until a server has answered: an empty one would be drawn as a heading."""

SCENES = {
    "indoors": ("Indoors", "A room: the network was trained with depth up to 20 m"),
    "outdoors": ("Outdoors", "A street or a landscape: the network was trained with depth up to 80 m"),
    "any": ("Both", "The network was trained with rooms and landscapes"),
}
"""The title and tooltip of each of PredictorFacts.scenes, in the order in which they are offered."""

EnumItem = tuple[str, str, str, int]

_kept: dict[str, list[EnumItem]] = {}
"""The items last given for each list: Blender does not keep a dynamic enum's strings."""


class PredictorField(Protocol):
    """What this module reads and writes of `scene.realcam` (properties.RealCamShot)."""

    predictor_name: str


def chosen_predictor(shot: PredictorField) -> EngineCapability | None:
    """The chosen predictor; None when it is not on offer, or no server has answered."""
    if shot.predictor_name:
        return next((p for p in jobs.predictors if p.name == shot.predictor_name), None)
    able = [p for p in jobs.predictors if not p.unavailable]
    return next(iter(able or jobs.predictors), None)


# --- by name ------------------------------------------------------------------------------------------------------


def predictor_items(shot: PredictorField, _context: Any) -> list[EnumItem]:
    """The drop-down's items: every predictor on offer, and the stored one."""
    items = [(p.name, p.label, p.description) for p in jobs.predictors]
    if shot.predictor_name and all(item[0] != shot.predictor_name for item in items):
        items.append((shot.predictor_name, f"{shot.predictor_name} (not on this server)", "Choose another"))
    return _numbered("name", items)


def get_predictor(shot: PredictorField) -> int:
    """The index of the chosen predictor in the drop-down."""
    chosen = chosen_predictor(shot)
    return _index(predictor_items(shot, None), chosen.name if chosen is not None else shot.predictor_name)


def set_predictor(shot: PredictorField, index: int) -> None:
    """Store the predictor with this index."""
    chosen = predictor_items(shot, None)[index][0]
    shot.predictor_name = "" if chosen == UNKNOWN else chosen


# --- by scenes and size -------------------------------------------------------------------------------------------


def scenes_items(_shot: PredictorField, _context: Any) -> list[EnumItem]:
    """What the predictors on offer were trained for."""
    offered = {facts.scenes for _, facts in _with_facts()}
    return _numbered("scenes", [(scenes, *words) for scenes, words in SCENES.items() if scenes in offered])


def get_scenes(shot: PredictorField) -> int:
    """The index of what the chosen predictor was trained for."""
    facts = _chosen_facts(shot)
    return _index(scenes_items(shot, None), facts.scenes if facts is not None else "")


def set_scenes(shot: PredictorField, index: int) -> None:
    """Store the predictor for these scenes: of the same size as before where there is one, else the first."""
    facts = _chosen_facts(shot)
    _choose(shot, scenes_items(shot, None)[index][0], facts.size if facts is not None else "")


def size_items(shot: PredictorField, _context: Any) -> list[EnumItem]:
    """The sizes of network for the chosen scenes, with what they weigh and whether they may earn money."""
    facts = _chosen_facts(shot)
    here = [other for _, other in _with_facts() if facts is not None and other.scenes == facts.scenes]
    return _numbered("size", [(o.size or UNKNOWN, size_title(o), f"{licence_words(o)}. {_LARGER}") for o in here])


def get_size(shot: PredictorField) -> int:
    """The index of the chosen predictor's size."""
    facts = _chosen_facts(shot)
    return _index(size_items(shot, None), (facts.size if facts is not None else "") or UNKNOWN)


def set_size(shot: PredictorField, index: int) -> None:
    """Store the predictor of this size, for the same scenes as before."""
    facts = _chosen_facts(shot)
    if facts is not None:
        _choose(shot, facts.scenes, size_items(shot, None)[index][0])


_LARGER = "A larger network is more exact and slower"


def size_title(facts: PredictorFacts) -> str:
    """A size as the list calls it, for instance "Small, 99 MB"."""
    return f"{facts.size or 'One Size'}, {megabytes(facts.download_bytes)}"


def licence_words(facts: PredictorFacts) -> str:
    """The licence of the weights, and whether it allows commercial use."""
    return f"{facts.licence}, commercial use: {'yes' if facts.commercial else 'no'}"


def megabytes(count: int) -> str:
    """A size in bytes as text: "99 MB", "2.9 GB"."""
    return f"{count / 1e6:.0f} MB" if count < 999_500_000 else f"{count / 1e9:.1f} GB"


def _with_facts() -> list[tuple[EngineCapability, PredictorFacts]]:
    return [(p, p.facts) for p in jobs.predictors if p.facts is not None]


def _chosen_facts(shot: PredictorField) -> PredictorFacts | None:
    chosen = chosen_predictor(shot)
    return None if chosen is None else chosen.facts


def _choose(shot: PredictorField, scenes: str, size: str) -> None:
    there = [(predictor.name, facts.size) for predictor, facts in _with_facts() if facts.scenes == scenes]
    same_size = [name for name, other in there if other == size]
    shot.predictor_name = next(iter([*same_size, *(name for name, _ in there)]), "")


def _numbered(key: str, items: Sequence[tuple[str, str, str]]) -> list[EnumItem]:
    """The items as Blender takes them, kept for as long as it shows them; one in place of none."""
    shown = items or [(UNKNOWN, "Connect to choose", "What the server offers is known once it was asked")]
    numbered = [(*item, index) for index, item in enumerate(shown)]
    if _kept.get(key) != numbered:
        _kept[key] = numbered
    return _kept[key]


def _index(items: list[EnumItem], identifier: str) -> int:
    return next((item[3] for item in items if item[0] == identifier), 0)
