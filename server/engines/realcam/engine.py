"""The published method as an engine: importing it and asking for its capability load no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import Checkpoints, EngineNeeds
from server.engines.graphics_card import unused_card

from .facts import card_memory, card_memory_of_several, engine_facts
from .settings import MODES, shown_options
from .sources import GET_WEIGHTS, SIZES, ModelSource, RandomWeights, Size

if TYPE_CHECKING:
    from .runner import Runner

NAME = "realcam"
FRAME_COUNTS = (16, 24, 28, 32, 40, 48, 64, 96, 128)
CHECKPOINT_SHARE = 1.25
"""The largest checkpoint as a share of the shot file. Frames so far take three bytes a pixel, and four latents of
float32 together at most two: the shot's preview takes four.
"""


class RealCamEngine:
    """The engine `realcam`. Keeps the model of the last shot, so that the next one of its size starts at once.

    Args:
        source: where its models come from.
    """

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._runner: Runner | None = None

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do here. Looks at the files that are there; loads nothing."""
        random = isinstance(self._source, RandomWeights)
        scale = self._source.scale if isinstance(self._source, RandomWeights) else ""
        cautious = self._only_for_tests()
        return EngineCapability(
            name=NAME,
            label=f"RealCam, {scale} random weights" if random else "RealCam",
            description="Noise from a model with random weights: a test of everything but the picture."
            if random
            else "A new picture of every frame along the camera, held to the photo's scene. The weights were trained "
            "for 16 frames at once; continuation, loop and interpolation do without training what the method allows.",
            sizes=self._sizes() or tuple(SIZES),
            frame_counts=FRAME_COUNTS,
            modes=MODES,
            draft=random or bool(cautious),
            needs_weights=not random,
            licence="" if random else self._licence(),
            unavailable=self._source.unavailable(),
            notice=". ".join(filter(None, [cautious, unused_card()])) or msgspec.UNSET,
            checkpoint_share=CHECKPOINT_SHARE,
            options=shown_options(self._source.weights()),
            about=engine_facts(self._source),
        )

    @property
    def needs(self) -> EngineNeeds:
        """See EngineNeeds: a card with room for its smallest clip, and use for a second one; on the processor a clip
        takes long.
        """
        return EngineNeeds(
            cards=1,
            card_memory=card_memory(self._source),
            without_card="alone",
            most_cards=2,
            each_of_several=card_memory_of_several(self._source),
        )

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The clip of a shot, see Engine.

        Raises:
            EngineError: the shot cannot be made here; what `report` raises passes through.
        """
        return self._ready_runner().run(shot, report)

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        """The clip of a shot, going on from a checkpoint where there is one, see ResumableEngine.

        Raises:
            EngineError: the shot cannot be made here; what `report` and `checkpoints` raise passes through.
        """
        return self._ready_runner().run(shot, report, checkpoints)

    def release(self) -> None:
        """Give back the memory of the model, see ReleasableEngine."""
        if self._runner is not None:
            from server.engines.device_memory import release_memory

            self._runner = None
            release_memory()

    def _sizes(self) -> tuple[Size, ...]:
        """The sizes of all networks there are, the published ones' first."""
        networks = [self._source.named(network.name) for network in self._source.own()]
        return tuple(dict.fromkeys(size for source in (self._source, *networks) for size in source.sizes()))

    def _licence(self) -> str:
        own = "".join(f"; {network.words}" for network in self._source.own())
        return f"Weights: see the model cards of RealCam-I2V and DynamiCrafter{own}"

    def _only_for_tests(self) -> str:
        """What an artist should know where there are none but networks for tests, else ""."""
        networks = self._source.own()
        if self._source.sizes() or not networks or not all(network.caution for network in networks):
            return ""
        said = "; ".join(f"{network.name}, {network.caution}" for network in networks)
        return f"The published weights are not installed, only {said}. On the server, `{GET_WEIGHTS}` fetches them"

    def _ready_runner(self) -> Runner:
        reason = self._source.unavailable()
        if reason:
            raise EngineError("RealCam cannot run here", reason)
        if self._runner is None:
            from .runner import Runner

            self._runner = Runner(self._source)
        return self._runner
