"""Where the engine's models come from: installed weights, or random ones for tests. Asking needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from server.model.config import REALCAM_256, REALCAM_512, REALCAM_1024, TINY, ModelConfig
from server.model.weights.weights_store import WeightsStore, default_store
from server.packages import MODEL_PACKAGES, absent_packages

from .memory.minimum_memory import LEAST, shortage, this_machine

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
"""The picture sizes and their variants; an upright size uses the same network."""

TINY_SIZES: tuple[Size, ...] = ((192, 128), (128, 128), (128, 192), (128, 64), (256, 256), (512, 320))
"""The picture sizes of the reduced variant."""


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
        if absent := absent_packages(MODEL_PACKAGES, extra="models"):
            return absent
        if not self.sizes():
            return (
                f"No weights in {self.store.root}: run `realcam weights get {REALCAM_512.name}` on the server, "
                "or set REALCAM_WEIGHTS to where they are"
            )
        return shortage(this_machine(), {config.name for config in map(self.config, self.sizes())})

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
        too_small = shortage(this_machine(), LEAST) if self.scale == "full" else ""
        return absent_packages(MODEL_PACKAGES, extra="models") or too_small

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


RANDOM_WEIGHTS = "REALCAM_RANDOM_WEIGHTS"
"""Environment variable: "tiny" or "full" makes the engine run with random weights."""


def chosen_source() -> ModelSource:
    """The installed weights, unless the environment asks for random ones."""
    scale = os.environ.get(RANDOM_WEIGHTS, "")
    if scale in ("tiny", "full"):
        return RandomWeights("tiny" if scale == "tiny" else "full")
    return InstalledWeights(default_store())
