"""Wan 2.2's image-to-video network as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_facts import PHOTO, PREVIEW, Beginning
from server.engines.pipelines.engine import PipelineEngine, PipelineTraits
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.words.umt5 import MOST_TOKENS

from .rule import FRAME_COUNTS, LEAST_SEEN, NAME, SIZES
from .settings import OPTIONS, read_settings

if TYPE_CHECKING:
    from server.engines.pipelines.adapter import Adapter

READS = (PREVIEW, PHOTO)
"""Of a shot, beside words: it knows the camera from the preview alone, which is held in its early steps."""
SMALLEST = Demand(512, 320, 17)
"""The smallest clip that is worth making, for the memory that is said to be needed."""
MOST_CARDS = 8
"""That share the network: they divide its 24 heads."""
CHECKPOINT_SHARE = 1.0
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making and the solver's memory, four of 48 channels for 16 x 16 pixels and 4 frames, at most three
quarters of one: the shot's preview takes four.
"""


class WanEngine(PipelineEngine):
    """The engine `wan-i2v`, see PipelineEngine."""

    traits = PipelineTraits(
        name=NAME,
        short="Wan",
        label="Wan 2.2 (TI2V-5B)",
        description="Five seconds in one piece that go on from the photo, held to the preview in the early steps. The "
        "network reads neither camera nor mask: where the preview shows nothing it moves as it likes.",
        sizes=SIZES,
        frame_counts=FRAME_COUNTS,
        modes=("basic", "continuation"),
        reads=READS,
        smallest=SMALLEST,
        checkpoint_share=CHECKPOINT_SHARE,
        prompt_tokens=MOST_TOKENS,
        beginning=Beginning(first_seen=LEAST_SEEN),
        most_cards=MOST_CARDS,
    )

    def options(self, there: Sequence[str]) -> tuple[EngineOption, ...]:
        """See PipelineEngine."""
        return OPTIONS

    def adapter(self, options: Mapping[str, SettingValue], there: Mapping[str, PipelineSource]) -> tuple[str, Adapter]:
        """See PipelineEngine."""
        settings = read_settings(options)
        from .adapter import WanAdapter

        return NAME, WanAdapter(settings)
