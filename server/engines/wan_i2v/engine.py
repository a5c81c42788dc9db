"""Wan 2.2's image-to-video network as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.engine_facts import PHOTO, PREVIEW, EngineFacts
from server.engines.engine import Checkpoints
from server.engines.graphics_card import card_memory, unused_card
from server.engines.pipelines.facts import pipeline_facts
from server.engines.pipelines.memory.need import ON_THE_PROCESSOR, memory_need, too_small
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.engines.source_version import source_version

from .rule import FRAME_COUNTS, NAME, RANDOM_SIZES, SIZES
from .settings import OPTIONS, read_settings

if TYPE_CHECKING:
    from server.engines.pipelines.runner import PipelineRunner

ENTRIES = ("server.engines.wan_i2v.engine", "server.engines.wan_i2v.adapter", "server.engines.pipelines.runner")
"""The modules of the engine, and of what it loads when it generates."""
WEIGHTS = PIPELINE_WEIGHTS[NAME]
READS = (PREVIEW, PHOTO)
"""Of a shot, beside words: it knows the camera from the preview alone, which is held in its early steps."""
SMALLEST = Demand(512, 320, 17)
"""The smallest clip that is worth making, for the memory that is said to be needed."""
CHECKPOINT_SHARE = 1.0
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making and the solver's memory, four of 48 channels for 16 x 16 pixels and 4 frames, at most three
quarters of one: the shot's preview takes four.
"""


class WanEngine:
    """The engine `wan-i2v`. Keeps the network of the last shot, so that the next one starts at once.

    Args:
        source: where its weights come from.
    """

    def __init__(self, source: PipelineSource) -> None:
        self._source = source
        self._runner: PipelineRunner | None = None

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do here. Looks at the files that are there; loads nothing."""
        random = self._source.draft
        return EngineCapability(
            name=NAME,
            label="Wan, random weights" if random else "Wan 2.2 (TI2V-5B)",
            description="Noise from a network with random weights: a test of everything but the picture."
            if random
            else "Five seconds in one piece that go on from the photo, held to the preview in the early steps. The "
            "network reads neither camera nor mask: where the preview shows nothing it moves as it likes.",
            sizes=(*RANDOM_SIZES, *SIZES) if random else SIZES,
            frame_counts=FRAME_COUNTS,
            modes=("basic", "continuation"),
            draft=random,
            needs_gpu=not random,
            needs_weights=not random,
            licence="" if random else f"{WEIGHTS.licence}; {WEIGHTS.commercial_use()}",
            unavailable=self._source.unavailable() or ("" if random else too_small(NAME, SMALLEST)),
            notice=unused_card() or ("" if random or card_memory() else ON_THE_PROCESSOR) or msgspec.UNSET,
            checkpoint_share=CHECKPOINT_SHARE,
            options=OPTIONS,
            about=EngineFacts(reads=READS) if random else pipeline_facts(NAME, READS, memory_need(NAME, SMALLEST)),
        )

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The clip of a shot, see Engine.

        Raises:
            EngineError: the shot cannot be made here; what `report` raises passes through.
        """
        return self._run(shot, report, None)

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        """The clip of a shot, going on from a checkpoint where there is one, see ResumableEngine.

        Raises:
            EngineError: the shot cannot be made here; what `report` and `checkpoints` raise passes through.
        """
        return self._run(shot, report, checkpoints)

    def _run(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints | None) -> Clip:
        reason = self._source.unavailable()
        if reason:
            raise EngineError("Wan cannot run here", reason)
        settings = read_settings(shot.settings.options)
        from server.engines.pipelines.runner import PipelineRunner

        if self._runner is None:
            self._runner = PipelineRunner(self._source, source_version(ENTRIES))
        from .adapter import WanAdapter

        return self._runner.run(shot, WanAdapter(settings), report, checkpoints)
