"""SANA-WM as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_facts import CAMERA, LENS, PHOTO
from server.engines.pipelines.engine import PipelineEngine, PipelineTraits
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource

from .rule import FRAME_COUNTS, NAME, RANDOM_RULE, RULE, SIZES
from .settings import OPTIONS, read_settings

if TYPE_CHECKING:
    from server.engines.pipelines.adapter import Adapter

READS = (CAMERA, LENS, PHOTO)
"""Of a shot, beside words. The preview is read where the artist asks for a hold."""
SMALLEST = Demand(1280, 704, 17)
"""The smallest clip that is worth making, for the memory that is said to be needed."""
CHECKPOINT_SHARE = 1.0
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making, 128 channels for 32 x 32 pixels and 8 frames, a sixteenth of one: the shot's preview takes four.
"""


class SanaEngine(PipelineEngine):
    """The engine `sana-wm`, see PipelineEngine."""

    traits = PipelineTraits(
        name=NAME,
        short="SANA-WM",
        label="SANA-WM",
        description="Up to a minute in one piece. The network is given the camera itself, also where the photo shows "
        "nothing; it does not read the preview unless it is held to it.",
        sizes=SIZES,
        frame_counts=FRAME_COUNTS,
        modes=("basic", "continuation"),
        reads=READS,
        smallest=SMALLEST,
        checkpoint_share=CHECKPOINT_SHARE,
    )

    def options(self, there: Sequence[str]) -> tuple[EngineOption, ...]:
        """See PipelineEngine."""
        return OPTIONS

    def adapter(self, options: Mapping[str, SettingValue], there: Mapping[str, PipelineSource]) -> tuple[str, Adapter]:
        """See PipelineEngine."""
        settings = read_settings(options)
        from .adapter import SanaAdapter

        return NAME, SanaAdapter(settings, RANDOM_RULE if there[NAME].draft else RULE)
