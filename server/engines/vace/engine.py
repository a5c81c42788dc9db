"""VACE as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.protocol.capability import INTERPOLATION_MODE, EngineOption, SettingValue
from blender_addon.core.protocol.engine_facts import PHOTO, PREVIEW
from server.engines.pipelines.engine import PipelineEngine, PipelineTraits
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.words.umt5 import MOST_TOKENS

from .rule import FRAME_COUNTS, NAME, SIZES
from .settings import read_settings, shown_options

if TYPE_CHECKING:
    from server.engines.pipelines.adapter import Adapter

READS = (PREVIEW, PHOTO)
"""Of a shot, beside words and last image: it knows the camera and its lens from the preview alone."""
SMALLEST = Demand(512, 320, 17)
"""The smallest clip that is worth making, for the memory that is said to be needed."""
CHECKPOINT_SHARE = 1.1
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making and the solver's memory, four of 16 channels for 8 x 8 pixels and 4 frames, at most one and a
quarter: the shot's preview takes four.
"""


class VaceEngine(PipelineEngine):
    """The engine `vace`, see PipelineEngine."""

    traits = PipelineTraits(
        name=NAME,
        short="VACE",
        label="VACE (Wan2.1)",
        description="Five seconds in one piece, held to the preview where it shows the photo, painted by words "
        "elsewhere. Where the preview shows nothing it does not know the camera.",
        sizes=SIZES,
        frame_counts=FRAME_COUNTS,
        modes=("basic", "continuation", INTERPOLATION_MODE),
        reads=READS,
        smallest=SMALLEST,
        checkpoint_share=CHECKPOINT_SHARE,
        prompt_tokens=MOST_TOKENS,
    )

    def options(self, there: Sequence[str]) -> tuple[EngineOption, ...]:
        """See PipelineEngine."""
        return shown_options(there)

    def adapter(self, options: Mapping[str, SettingValue], there: Mapping[str, PipelineSource]) -> tuple[str, Adapter]:
        """See PipelineEngine."""
        settings = read_settings(options, tuple(there))
        from .adapter import VaceAdapter

        return settings.weights, VaceAdapter(settings)
