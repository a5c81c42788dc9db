"""Where the engine's models come from: installed weights, or random ones for tests. Asking needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from blender_addon.core.protocol.capability import EngineOption
from server.engines.machine_memory import this_machine
from server.engines.random_weights import random_scale
from server.model.config import NANO, REALCAM_256, REALCAM_512, REALCAM_1024, TINY, TRAINABLE, ModelConfig
from server.model.weights.own_networks import OwnNetwork, base_store, own_hash, own_networks, shipped_networks
from server.model.weights.weights_store import WeightsStore, default_store
from server.packages import MODEL_PACKAGES, absent_packages, unfit_torchvision

from .memory.minimum_memory import shortage
from .settings import PUBLISHED_ONLY, weights_option

if TYPE_CHECKING:
    import torch

    from server.model.model import RealCamModel

Size = tuple[int, int]
"""(width, height), pixels."""

SIZES: dict[Size, ModelConfig] = {
    (512, 320): REALCAM_512,
    (320, 512): REALCAM_512,
    (256, 256): REALCAM_256,
    (1024, 576): REALCAM_1024,
    (576, 1024): REALCAM_1024,
}
"""The picture sizes and their published variants; an upright size uses the same network."""

NANO_SIZES: tuple[Size, ...] = ((64, 64), (128, 64), (64, 128))
"""The picture sizes of the nano network, which was trained at the first."""

TINY_SIZES: tuple[Size, ...] = ((192, 128), (128, 128), (128, 192), (128, 64), (256, 256), (512, 320))
"""The picture sizes of the reduced variant."""


GET_WEIGHTS = f"realcam weights get {REALCAM_512.name}"
"""The command that installs the published weights of the usual size."""


class ModelSource(Protocol):
    """Gives models by picture size."""

    def sizes(self) -> tuple[Size, ...]:
        """The sizes there are models for; the first is the default."""
        ...

    def unavailable(self) -> str:
        """Why no model can be used here, "" when one can."""
        ...

    def config(self, size: Size) -> ModelConfig:
        """The variant for a size."""
        ...

    def weights_hash(self, size: Size) -> str:
        """What `load` would give the model as its weights' hash, without loading it."""
        ...

    def load(self, size: Size, device: torch.device, dtype: torch.dtype) -> RealCamModel:
        """The model for a size."""
        ...

    def own(self) -> tuple[OwnNetwork, ...]:
        """The networks beside these: those that the user trained, then those that ship with the server."""
        ...

    def weights(self) -> EngineOption:
        """The option that chooses among these and the user's own."""
        ...

    def named(self, weights: str) -> ModelSource:
        """The source for a value of that option."""
        ...


@dataclass(frozen=True)
class InstalledWeights:
    """Models of the published weights.

    Attributes:
        store: where they are installed.
    """

    store: WeightsStore

    def sizes(self) -> tuple[Size, ...]:
        """See ModelSource."""
        installed = {c.name for c in set(SIZES.values()) if self.store.manifest(c.name)}
        return tuple(size for size, config in SIZES.items() if config.name in installed)

    def unavailable(self) -> str:
        """See ModelSource."""
        if absent := absent_packages(MODEL_PACKAGES, extra="models") or unfit_torchvision():
            return absent
        own = self.own()
        if not self.sizes() and not own:
            return (
                f"No weights in {self.store.root}: run `{GET_WEIGHTS}` on the server, "
                "or set REALCAM_WEIGHTS to where they are"
            )
        installed = {config.name for config in map(self.config, self.sizes())}
        return shortage(this_machine(), installed | {network.facts.variant for network in own})

    def config(self, size: Size) -> ModelConfig:
        """See ModelSource."""
        return SIZES[size]

    def weights_hash(self, size: Size) -> str:
        """See ModelSource. "" if the variant is not installed."""
        manifest = self.store.manifest(self.config(size).name)
        return manifest.sha256 if manifest else ""

    def load(self, size: Size, device: torch.device, dtype: torch.dtype) -> RealCamModel:
        """See ModelSource.

        Raises:
            CheckpointError: the installed weights are damaged.
        """
        from server.model.tokenizer import ClipTokenizer
        from server.model.weights.load import CheckpointFiles, load_model, open_checkpoint

        config = self.config(size)
        file = open_checkpoint(CheckpointFiles(self.store.model_file(config.name)))
        tokenizer = ClipTokenizer(self.store.folder(config.name))
        return load_model(config, file, tokenizer, self.weights_hash(size), device, dtype)

    def own(self) -> tuple[OwnNetwork, ...]:
        """See ModelSource: those whose variant is known here, and whose base is there.

        What ships is offered where it can run: without PyTorch the engine says what the published weights need.
        """
        shipped = () if absent_packages(MODEL_PACKAGES, extra="models") else shipped_networks()
        there = (*own_networks(self.store), *shipped)
        return tuple(n for n in there if n.facts.variant in TRAINABLE and own_hash(self.store, n))

    def weights(self) -> EngineOption:
        """See ModelSource."""
        return weights_option(bool(self.sizes()), self.own())

    def named(self, weights: str) -> ModelSource:
        """See ModelSource."""
        return next((OwnWeights(self.store, n) for n in self.own() if n.name == weights), self)


@dataclass(frozen=True)
class OwnWeights:
    """The models of one network beside the published ones: its tensors, on its variant's base or its own.

    Attributes:
        store: where the published ones are installed, and those that the user trained.
        network: the trained one.
    """

    store: WeightsStore
    network: OwnNetwork

    def sizes(self) -> tuple[Size, ...]:
        """See ModelSource: the one it was trained at, and its variant's."""
        variant = self.network.facts.variant
        sizes = NANO_SIZES if variant == NANO.name else (s for s, c in SIZES.items() if c.name == variant)
        return tuple(dict.fromkeys([self.network.facts.size, *sizes]))

    def unavailable(self) -> str:
        """See ModelSource."""
        return InstalledWeights(self.store).unavailable()

    def config(self, size: Size) -> ModelConfig:
        """See ModelSource: the variant, with the network's name before its own where they differ."""
        variant, name = TRAINABLE[self.network.facts.variant], self.network.name
        named = name if name == variant.name else f"{name} on {variant.name}"
        return replace(variant, name=named, size=self.network.facts.size)

    def weights_hash(self, size: Size) -> str:
        """See ModelSource."""
        return own_hash(self.store, self.network)

    def load(self, size: Size, device: torch.device, dtype: torch.dtype) -> RealCamModel:
        """See ModelSource.

        Raises:
            CheckpointError: the weights are damaged.
        """
        from server.model.tokenizer import ClipTokenizer
        from server.model.weights.load import CheckpointFiles, load_model, open_checkpoint

        kept, facts = self.network.kept, self.network.facts
        place = None if facts.whole else base_store(self.store, facts.variant)
        base = place.model_file(facts.variant) if place else None
        file = open_checkpoint(CheckpointFiles(kept.model_file(self.network.name), base))
        tokenizer = ClipTokenizer(kept.folder(self.network.name))
        return load_model(self.config(size), file, tokenizer, self.weights_hash(size), device, dtype)

    def own(self) -> tuple[OwnNetwork, ...]:
        """See ModelSource."""
        return (self.network,)

    def weights(self) -> EngineOption:
        """See ModelSource."""
        return weights_option(False, self.own())

    def named(self, weights: str) -> ModelSource:
        """See ModelSource."""
        return self


@dataclass(frozen=True)
class RandomWeights:
    """Models with random weights, whose frames are noise.

    Attributes:
        scale: "tiny" for the reduced variant, which runs anywhere in seconds; "full" for the published sizes.
    """

    scale: Literal["tiny", "full"]

    def sizes(self) -> tuple[Size, ...]:
        """See ModelSource."""
        return TINY_SIZES if self.scale == "tiny" else tuple(SIZES)

    def unavailable(self) -> str:
        """See ModelSource."""
        too_small = shortage(this_machine(), [c.name for c in SIZES.values()]) if self.scale == "full" else ""
        return absent_packages(MODEL_PACKAGES, extra="models") or unfit_torchvision() or too_small

    def config(self, size: Size) -> ModelConfig:
        """See ModelSource."""
        return TINY if self.scale == "tiny" else SIZES[size]

    def weights_hash(self, size: Size) -> str:
        """See ModelSource."""
        from server.model.model import random_weights_hash

        return random_weights_hash(self.config(size))

    def load(self, size: Size, device: torch.device, dtype: torch.dtype) -> RealCamModel:
        """See ModelSource."""
        from server.model.model import random_model
        from server.model.tokenizer import ByteTokenizer

        config = self.config(size)
        return random_model(config, ByteTokenizer(config.clip.vocabulary), 0, device, dtype)

    def own(self) -> tuple[OwnNetwork, ...]:
        """See ModelSource."""
        return ()

    def weights(self) -> EngineOption:
        """See ModelSource."""
        return PUBLISHED_ONLY

    def named(self, weights: str) -> ModelSource:
        """See ModelSource."""
        return self


def chosen_source() -> ModelSource:
    """The installed weights, unless the environment asks for random ones."""
    scale = random_scale()
    if scale:
        return RandomWeights("tiny" if scale == "tiny" else "full")
    return InstalledWeights(default_store())
