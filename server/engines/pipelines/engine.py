"""What the engines on diffusers' pipelines have in common: importing it and asking for a capability load no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability, EngineOption, SettingValue
from blender_addon.core.protocol.engine_facts import Beginning, EngineFacts
from server.engines.engine import Checkpoints, EngineNeeds
from server.engines.graphics_card import card_memory, unused_card
from server.engines.source_version import source_version

from .facts import pipeline_facts
from .fitting.clip_rule import Size
from .fitting.offered import RANDOM_SIZES
from .memory.need import ON_THE_PROCESSOR, card_memory_for, memory_need, too_small
from .memory.plans import WHOLE, Demand
from .sources import PipelineSource
from .weights.catalogue import PIPELINE_WEIGHTS

if TYPE_CHECKING:
    from .adapter import Adapter
    from .runner import PipelineRunner

RUNNER = "server.engines.pipelines.runner"
"""The module of PipelineRunner."""


@dataclass(frozen=True, kw_only=True)
class PipelineTraits:
    """What is said of an engine.

    Attributes:
        name: of the engine, and of its usual weights.
        short: what it is called in errors.
        label: what the artist reads.
        description: what it is good for, and what it cannot.
        sizes: (width, height) that are offered, the default first.
        frame_counts: that are offered, the default first.
        modes: see EngineCapability.
        reads: of a shot, beside words, see EngineFacts.
        smallest: the smallest clip that is worth making, for the memory that is said to be needed.
        checkpoint_share: the largest checkpoint as a share of the shot file.
        beside: names of weights that an option of the engine asks for.
        own_size: see EngineFacts; random weights make any size.
        prompt_tokens: see EngineFacts.
        beginning: see EngineFacts.
        most_cards: see EngineNeeds.
    """

    name: str
    short: str
    label: str
    description: str
    sizes: tuple[Size, ...]
    frame_counts: tuple[int, ...]
    modes: tuple[str, ...]
    reads: tuple[str, ...]
    smallest: Demand
    checkpoint_share: float
    beside: tuple[str, ...] = ()
    own_size: Size | None = None
    prompt_tokens: int = 0
    beginning: Beginning | None = None
    most_cards: int = 1


class PipelineEngine(ABC):
    """An engine on one of diffusers' pipelines. Keeps the network of the last shot, so that the next starts at once.

    Args:
        sources: where its weights come from, the usual ones first.
    """

    traits: ClassVar[PipelineTraits]

    def __init__(self, sources: Sequence[PipelineSource]) -> None:
        self._sources = sources
        self._runner: tuple[str, PipelineRunner] | None = None

    @abstractmethod
    def options(self, there: Sequence[str]) -> tuple[EngineOption, ...]:
        """The options that the engine declares.

        Args:
            there: names of the weights that are on the server.
        """

    @abstractmethod
    def adapter(self, options: Mapping[str, SettingValue], there: Mapping[str, PipelineSource]) -> tuple[str, Adapter]:
        """The name of the weights that a shot is made with, and its Adapter. May load torch once the options are read.

        Args:
            options: of the shot, by name.
            there: where weights come from that can be used, by name; not empty.

        Raises:
            EngineError: an option is unknown or out of range.
        """

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do here. Looks at the files that are there; loads nothing."""
        traits, there = self.traits, self._there()
        source = next(iter(there.values()), self._sources[0])
        random, weights = source.draft, PIPELINE_WEIGHTS[source.name]
        return EngineCapability(
            name=traits.name,
            label=f"{traits.short}, random weights" if random else traits.label,
            description="Noise from a network with random weights: a test of everything but the picture."
            if random
            else traits.description,
            sizes=(*RANDOM_SIZES, *traits.sizes) if random else traits.sizes,
            frame_counts=traits.frame_counts,
            modes=traits.modes,
            draft=random,
            needs_gpu=not random,
            needs_weights=not random,
            licence="" if random else f"{weights.licence}; {weights.commercial_use}",
            unavailable=source.unavailable() or ("" if random else too_small(source.name, traits.smallest)),
            notice=unused_card() or ("" if random or card_memory() else ON_THE_PROCESSOR) or msgspec.UNSET,
            checkpoint_share=traits.checkpoint_share,
            options=self.options(tuple(there)),
            about=self._facts(source),
        )

    def _facts(self, source: PipelineSource) -> EngineFacts:
        traits = self.traits
        facts = EngineFacts(reads=traits.reads)
        if not source.draft:
            need = memory_need(source.name, traits.smallest)
            facts = pipeline_facts(source.name, traits.reads, need, traits.beside)
        return msgspec.structs.replace(
            facts,
            own_size=None if source.draft else traits.own_size,
            prompt_tokens=traits.prompt_tokens,
            beginning=traits.beginning,
        )

    @property
    def needs(self) -> EngineNeeds:
        """See EngineNeeds: a card with room for its smallest clip, or several that each hold the network; on the
        processor a clip takes hours.
        """
        source = next(iter(self._there().values()), self._sources[0])
        memory = 0 if source.draft else card_memory_for(source.name, self.traits.smallest)
        each = 0 if source.draft else card_memory_for(source.name, self.traits.smallest, [WHOLE])
        return EngineNeeds(
            cards=1,
            card_memory=memory,
            without_card="alone",
            most_cards=self.traits.most_cards,
            each_of_several=each if self.traits.most_cards > 1 else 0,
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

    def release(self) -> None:
        """Give back the memory of the network, see ReleasableEngine."""
        if self._runner is not None:
            self._runner[1].release()
            self._runner = None

    def _run(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints | None) -> Clip:
        there = self._there()
        if not there:
            raise EngineError(f"{self.traits.short} cannot run here", self._sources[0].unavailable())
        chosen, adapter = self.adapter(shot.settings.options, there)
        from .runner import PipelineRunner

        if self._runner is None or self._runner[0] != chosen:
            # First the other network's memory is given back.
            self.release()
            entries = (type(self).__module__, type(adapter).__module__, RUNNER)
            self._runner = chosen, PipelineRunner(there[chosen], source_version(entries))
        return self._runner[1].run(shot, adapter, report, checkpoints)

    def _there(self) -> dict[str, PipelineSource]:
        """Those sources that can be used here, by name."""
        return {source.name: source for source in self._sources if not source.unavailable()}
