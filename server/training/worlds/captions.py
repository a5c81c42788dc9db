"""A plain sentence on what a camera sees, from the names of the pictures in view and the size of the place."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .surfaces import SKY
from .world import Hits, World

WORDS = {
    **{"BIGBRIK": "brick", "BRICK": "brick", "BRIK": "brick", "BRONZE": "bronze", "BRN": "brown", "BROWN": "brown"},
    **{"CEMENT": "concrete", "COMP": "computers", "CRACK": "cracked stone", "DOOR": "doors", "BIGDOOR": "doors"},
    **{"GRAY": "grey", "ICKWALL": "concrete", "LITE": "lamps", "MARB": "marble", "METAL": "metal", "PANEL": "panels"},
    **{"PIPE": "pipes", "ROCK": "rock", "RROCK": "rock", "SHAWN": "steel", "SILVER": "steel", "SP_": "stone"},
    **{"STARTAN": "tan", "STARG": "grey", "STEP": "steps", "STONE": "stone", "STUCCO": "plaster", "TAN": "tan"},
    **{"TEK": "circuits", "WOOD": "wood", "ZIMMER": "rock", "ASHWALL": "ash", "FIRE": "fire", "SKIN": "flesh"},
    **{"FWATER": "water", "NUKAGE": "green slime", "LAVA": "lava", "BLOOD": "red liquid", "SLIME": "slime"},
    **{"GRASS": "grass", "MFLR": "stone", "DEM1": "marble", "FLAT5": "boards", "CEIL": "tiles", "FLOOR": "tiles"},
    **{"FLAT": "tiles", "GATE": "a gate", "CONS": "screens", "TLITE": "lamps", "SW1": "a switch", "PLAT": "metal"},
}
"""Beginning of a picture's name -> what it shows; the first that fits."""
SHARE = 0.04
"""Of the view, from which on something is named."""


def caption(world: World, view: Hits) -> str:
    """The sentence.

    Args:
        world: the map.
        view: what the camera sees.
    """
    seen = Counter(_word(name) for name in world.materials(view))
    total = sum(seen.values())
    named = [word for word, count in seen.most_common() if word and count >= SHARE * total][:3]
    light = float(np.mean(world.surfaces.light[view.triangle[~view.sky]])) if not view.sky.all() else 255.0
    brightness = "bright" if light >= 176 else "dim" if light < 128 else "lit"
    what = f" with {', '.join(named)}" if named else ""
    return f"a {brightness} {_place(view)}{what}{', under the sky' if view.sky.any() else ''}"


def _place(view: Hits) -> str:
    depth = float(np.median(view.distance))
    if view.sky.any():
        return "yard"
    return "narrow room" if depth < 2.5 else "room" if depth < 6 else "hall" if depth < 14 else "vast hall"


def _word(name: str) -> str:
    if name == SKY:
        return ""
    bare = name.partition(" ")[2]
    return next((word for start, word in WORDS.items() if bare.startswith(start)), "")
