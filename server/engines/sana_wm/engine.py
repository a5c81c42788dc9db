"""SANA-WM as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.errors import EngineError
from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_facts import CAMERA, LENS, PHOTO, Beginning
from server.engines.pipelines.engine import PipelineEngine, PipelineTraits
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource

from .rule import FRAME_COUNTS, GENTLE, MOST_TOKENS, NAME, RANDOM_RULE, REFINER, RULE, SIZES
from .settings import OPTIONS, SCALE, read_settings

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
    """The engine `sana-wm`, see PipelineEngine.

    Args:
        sources: see PipelineEngine.
        refiner: where the weights of its refiner come from.
    """

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
        beside=(REFINER,),
        own_size=RULE.only_size,
        prompt_tokens=MOST_TOKENS,
        beginning=Beginning(walk=GENTLE, scale_option=SCALE),
    )

    def __init__(self, sources: Sequence[PipelineSource], refiner: PipelineSource) -> None:
        super().__init__(sources)
        self._refiner = refiner

    def options(self, there: Sequence[str]) -> tuple[EngineOption, ...]:
        """See PipelineEngine."""
        return OPTIONS

    def adapter(self, options: Mapping[str, SettingValue], there: Mapping[str, PipelineSource]) -> tuple[str, Adapter]:
        """See PipelineEngine."""
        settings = read_settings(options)
        lacking = self._refiner.unavailable() if settings.refine else ""
        if lacking:
            raise EngineError("The clip cannot be refined here", lacking, "Or switch Refine off.")
        from .adapter import SanaAdapter

        rule = RANDOM_RULE if there[NAME].draft else RULE
        return NAME, SanaAdapter(settings, rule, self._refiner if settings.refine else None)
