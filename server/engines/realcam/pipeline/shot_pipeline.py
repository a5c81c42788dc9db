"""From conditions to frames: what RealCamPipeline and the engine have in common. Importing it loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from blender_addon.core.arrays import UInt8
from server.model.config import ModelConfig

if TYPE_CHECKING:
    import torch

    from server.diffusion.sampler import SeededNoise
    from server.model.model import RealCamModel
    from server.model.sampling.conditions import ConcatStyle
    from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, ShotState


class ShotPipeline:
    """A network that samples shots.

    Args:
        model: the network with its encoders.
        forms: of latents beside the noise that it was trained for, see `SamplingOptions`; the published ones know one.
        replicas: of the network on other devices, see `sample_shot`.
    """

    def __init__(
        self,
        model: RealCamModel,
        forms: Sequence[ConcatStyle] = ("repeat",),
        replicas: Sequence[RealCamModel] = (),
    ) -> None:
        self.model, self.forms, self.replicas = model, tuple(forms), tuple(replicas)

    @property
    def config(self) -> ModelConfig:
        """The variant's sizes; `config.size` is the (width, height) it was trained at, `config.frames` its window."""
        return self.model.config

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of its weights."""
        return self.model.dtype

    def sample(
        self,
        inputs: ShotInputs,
        options: SamplingOptions,
        noise: SeededNoise,
        hooks: Hooks,
        start: ShotState | None = None,
    ) -> UInt8:
        """The frames of a shot, [F, H, W, 3] uint8.

        Args:
            inputs: the shot.
            options: how it is sampled; in the forms that the network knows.
            noise: where all draws come from.
            hooks: progress, cancel and checkpoints.
            start: a state to go on from, see `sample_shot`.
        """
        from server.model.sampling.shot_sampler import sample_shot

        there = replace(inputs, picture=inputs.picture.to(self.device))
        told = replace(options, forms=self.forms)
        return sample_shot(self.model, there, told, noise, hooks, start, self.replicas)
