"""The training of the nano network's VAE and base as a TOML file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from server.model.sampling.conditions import ConcatStyle
from server.training.comparison.settings import ComparisonSettings
from server.training.config import read_toml

from .loop import Pace

VAE_FILE = "vae.safetensors"
"""The VAE as its training gives it: the running mean of its weights, by diffusers' names."""
VAE_FACTS = "vae.json"
"""What is known of it, written last."""
BASE_FILE = "base.safetensors"
"""All parts but the camera modules, in the published layout: what `realcam train` takes as `base`."""


class VaePace(Pace, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the VAE is trained.

    Attributes:
        begin: folder of another VAE's training to begin with instead of initial values; "" for those.
    """

    begin: str = ""


class BasePace(Pace, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the base is trained.

    Attributes:
        begin: base.safetensors of another training to begin with instead of initial values; "" for those.
        interpolation: share of the samples whose last frame is given as well.
        continuation: share whose first frames are given.
        timestep_shift: above 1 trains more at high noise, see `draws.shifted`.
    """

    begin: str = ""
    interpolation: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.15
    continuation: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.15
    timestep_shift: Annotated[float, Meta(gt=0.0, le=1000.0)] = 1.0

    def __post_init__(self) -> None:
        """Refuse shares of more than all samples.

        Raises:
            ValueError: they are.
        """
        if self.interpolation + self.continuation > 1.0:
            raise ValueError("`interpolation` and `continuation` are shares of the samples: together at most 1")

    @property
    def mix(self) -> dict[ConcatStyle, float]:
        """Share of the samples that get each form of latents beside the noise."""
        basic = max(0.0, 1.0 - self.interpolation - self.continuation)
        return {"repeat": basic, "repeat_to_end": self.interpolation, "continue": self.continuation}


class NanoConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both trainings.

    Attributes:
        worlds: folder that `realcam data render` made, with frames of 64 x 64.
        out: folder of the trainings; `vae` and `base` in it.
        vae: how the VAE is trained.
        base: how the network without a camera is trained.
        table: which trainings of camera modules are compared on it.
    """

    worlds: str
    out: str
    vae: VaePace
    base: BasePace
    table: ComparisonSettings = ComparisonSettings()

    @property
    def vae_folder(self) -> Path:
        """Of the VAE's training."""
        return Path(self.out) / "vae"

    @property
    def base_folder(self) -> Path:
        """Of the base's training."""
        return Path(self.out) / "base"


def read_nano_config(file: Path) -> NanoConfig:
    """The configuration of a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, has a key that is not known, or a value that cannot be.
    """
    return read_toml(file, NanoConfig)
