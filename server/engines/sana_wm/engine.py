"""SANA-WM as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.engine_facts import CAMERA, LENS, PHOTO, EngineFacts
from server.engines.engine import Checkpoints
from server.engines.graphics_card import card_memory, unused_card
from server.engines.pipelines.facts import pipeline_facts
from server.engines.pipelines.memory.need import ON_THE_PROCESSOR, memory_need, too_small
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.engines.source_version import source_version

from .rule import FRAME_COUNTS, NAME, RANDOM_RULE, RANDOM_SIZES, RULE, SIZES
from .settings import OPTIONS, read_settings

if TYPE_CHECKING:
    from server.engines.pipelines.runner import PipelineRunner

ENTRIES = ("server.engines.sana_wm.engine", "server.engines.sana_wm.adapter", "server.engines.pipelines.runner")
"""The modules of the engine, and of what it loads when it generates."""
WEIGHTS = PIPELINE_WEIGHTS[NAME]
READS = (CAMERA, LENS, PHOTO)
"""Of a shot, beside words. The preview is read where the artist asks for a hold."""
SMALLEST = Demand(1280, 704, 17)
"""The smallest clip that is worth making, for the memory that is said to be needed."""
CHECKPOINT_SHARE = 1.0
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making, 128 channels for 32 x 32 pixels and 8 frames, a sixteenth of one: the shot's preview takes four.
"""


class SanaEngine:
    """The engine `sana-wm`. Keeps the network of the last shot, so that the next one starts at once.

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
            label="SANA-WM, random weights" if random else "SANA-WM",
            description="Noise from a network with random weights: a test of everything but the picture."
            if random
            else "Up to a minute in one piece. The network is given the camera itself, also where the photo shows "
            "nothing; it does not read the preview unless it is held to it.",
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
            raise EngineError("SANA-WM cannot run here", reason)
        settings = read_settings(shot.settings.options)
        from server.engines.pipelines.runner import PipelineRunner

        if self._runner is None:
            self._runner = PipelineRunner(self._source, source_version(ENTRIES))
        from .adapter import SanaAdapter

        return self._runner.run(
            shot, SanaAdapter(settings, RANDOM_RULE if self._source.draft else RULE), report, checkpoints
        )
