"""Which channel of an EXR is depth, by the names that renderers and compositors give it.

A name is layers and a channel, with dots between them: ViewLayer.Depth.Z. Depth is the channel Z alone (Arnold,
RenderMan, V-Ray, 3Delight), or that of a layer called so (Blender's and Nuke's Depth.Z, Blender 5's Depth.V, Unreal's
WorldDepth.R, Karma's and Mantra's hitPz and Pz). A Z beside an X and a Y is a position's, a normal's or a motion's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_DEPTH = {"z", "zdepth", "depth", "depthz", "vrayzdepth", "worlddepth", "scenedepth", "linear depth", "pz", "hitpz"}
"""Names of channels and layers that are depth; see _plain."""
_ENDINGS = ("zdepth", "worlddepth", "scenedepth")
"""How longer names of depth end: CGeometry_ZDepth, FinalImageMovieRenderQueue_WorldDepth."""
_OF_A_LAYER = ("z", "v", "y", "r", "x", "red", "depth", "distance")
"""The channel of a depth layer that holds the numbers, the first of these that there is."""
_NONE = ("mist", "fog", "denoising", "noisy", "back", "shadow", "uv", "normal", "position", "vector", "motion")
"""Parts of layers' names whose Z or V is no depth."""
_COLOURS = {"r", "g", "b", "red", "green", "blue"}
_ALPHA = {"a", "alpha"}


def depth_channels(names: Sequence[str]) -> tuple[str, ...]:
    """The channels that are depth by their names: none, one, or as many as the question is about.

    Args:
        names: of the file's channels.
    """
    layers: dict[str, list[str]] = {}
    for name in names:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    named = [name for layer, own in layers.items() for name in _named_depth(layer, own)]
    return tuple(named or (name for layer, own in layers.items() for name in _lone_z(layer, own)))


def grey_channels(names: Sequence[str]) -> tuple[str, ...]:
    """The channels of a picture of one layer that is depth if they are all equal: one number, or red, green and blue.

    Args:
        names: of the file's channels.

    Returns:
        Empty where there is more than one layer, or something else than a picture in it.
    """
    numbers = [name for name in names if _last(name) not in _ALPHA]
    if len(numbers) == 1:
        return (numbers[0],)
    if len({name.rpartition(".")[0] for name in numbers}) > 1 or {_last(name) for name in numbers} - _COLOURS:
        return ()
    return tuple(sorted(numbers, key=lambda name: "rgb".index(_last(name)[0])))


def askable_channels(names: Sequence[str]) -> tuple[str, ...]:
    """The channels among which somebody may be asked for depth: all but alpha."""
    return tuple(name for name in names if _last(name) not in _ALPHA)


def _named_depth(layer: str, own: Sequence[str]) -> list[str]:
    """The channels of a layer that are depth by their own names, or the one of a layer that is called so."""
    if _is_depth(layer.rpartition(".")[2]):
        return [name for last in _OF_A_LAYER for name in own if _last(name) == last][:1]
    # A Z in a layer of another name is told apart by what stands beside it.
    return [name for name in own if _is_depth(_last(name)) and (not layer or _last(name) != "z")]


def _lone_z(layer: str, own: Sequence[str]) -> list[str]:
    """A layer's Z that is no coordinate: beauty.Z beside beauty.R, left.Z."""
    lasts = {_last(name) for name in own}
    if lasts & {"x", "y"} or any(word in layer.lower() for word in _NONE):
        return []
    return [name for name in own if _last(name) == "z"]


def _is_depth(word: str) -> bool:
    plain = re.sub(r"[^a-z ]", "", word.lower())
    return plain in _DEPTH or plain.endswith(_ENDINGS)


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()
