"""VACE as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import INTERPOLATION_MODE, EngineCapability
from blender_addon.core.protocol.engine_facts import PHOTO, PREVIEW, EngineFacts
from server.engines.engine import Checkpoints
from server.engines.graphics_card import card_memory, unused_card
from server.engines.pipelines.facts import pipeline_facts
from server.engines.pipelines.memory.need import ON_THE_PROCESSOR, memory_need, too_small
from server.engines.pipelines.memory.plans import Demand
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.engines.source_version import source_version

from .rule import FRAME_COUNTS, NAME, RANDOM_SIZES, RULE, SIZES
from .settings import read_settings, shown_options

if TYPE_CHECKING:
    from server.engines.pipelines.runner import PipelineRunner

ENTRIES = ("server.engines.vace.engine", "server.engines.vace.adapter", "server.engines.pipelines.runner")
"""The modules of the engine, and of what it loads when it generates."""
READS = (PREVIEW, PHOTO)
"""Of a shot, beside words and last image: it knows the camera and its lens from the preview alone."""
SMALLEST = Demand(*min(SIZES, key=lambda size: size[0] * size[1]), RULE.most_frames)
"""The smallest clip that is offered as one whole piece."""
CHECKPOINT_SHARE = 1.1
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and the latents of the
segment in the making and the solver's memory, four of 16 channels for 8 x 8 pixels and 4 frames, at most one and a
quarter: the shot's preview takes four.
"""


class VaceEngine:
    """The engine `vace`. Keeps the network of the last shot, so that the next one starts at once.

    Args:
        sources: where its weights come from, those first that are usual.
    """

    def __init__(self, sources: Sequence[PipelineSource]) -> None:
        self._sources = sources
        self._runner: tuple[str, PipelineRunner] | None = None

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do here. Looks at the files that are there; loads nothing."""
        there = self._there()
        source = next(iter(there.values()), self._sources[0])
        random, weights = source.draft, PIPELINE_WEIGHTS[source.name]
        return EngineCapability(
            name=NAME,
            label="VACE, random weights" if random else "VACE (Wan2.1)",
            description="Noise from a network with random weights: a test of everything but the picture."
            if random
            else "Five seconds in one piece, held to the preview where it shows the photo, painted by words elsewhere. "
            "Where the preview shows nothing it does not know the camera.",
            sizes=(*RANDOM_SIZES, *SIZES) if random else SIZES,
            frame_counts=FRAME_COUNTS,
            modes=("basic", "continuation", INTERPOLATION_MODE),
            draft=random,
            needs_gpu=not random,
            needs_weights=not random,
            licence="" if random else f"{weights.licence}; {weights.commercial_use()}",
            unavailable=source.unavailable() or ("" if random else too_small(source.name, SMALLEST)),
            notice=unused_card() or ("" if random or card_memory() else ON_THE_PROCESSOR) or msgspec.UNSET,
            checkpoint_share=CHECKPOINT_SHARE,
            options=shown_options(tuple(there)),
            about=EngineFacts(reads=READS)
            if random
            else pipeline_facts(source.name, READS, memory_need(source.name, SMALLEST)),
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
        there = self._there()
        if not there:
            raise EngineError("VACE cannot run here", self._sources[0].unavailable())
        settings = read_settings(shot.settings.options, tuple(there))
        from server.engines.pipelines.runner import PipelineRunner

        from .adapter import VaceAdapter

        if self._runner is None or self._runner[0] != settings.weights:
            # First the other network's memory is given back.
            self._runner = None
            self._runner = settings.weights, PipelineRunner(there[settings.weights], source_version(ENTRIES))
        return self._runner[1].run(shot, VaceAdapter(settings), report, checkpoints)

    def _there(self) -> dict[str, PipelineSource]:
        """Those sources that can be used here, by name."""
        return {source.name: source for source in self._sources if not source.unavailable()}
