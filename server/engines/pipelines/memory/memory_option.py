"""The option by which an artist chooses a memory plan."""

from __future__ import annotations

from blender_addon.core.protocol.capability import EngineOption

from .plans import PLANS

MEMORY = EngineOption(
    name="memory",
    label="Memory",
    description="Auto takes what fits the card. Model: network and VAE on the card in turn. Group: the network's "
    "blocks come to the card one after the other, slowly. Tiled: encoded and decoded in tiles, with faint seams",
    kind="choice",
    default="auto",
    choices=("auto", *PLANS),
)
