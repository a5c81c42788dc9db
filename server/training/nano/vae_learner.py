"""The nano network's VAE: pictures to latents and back, by pixels, their averages and their edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from server.model.config import VaeConfig
from server.model.sampling.scene_mask import to_frames
from server.model.vae import build_vae
from server.training.draws import sample_generator
from server.training.reporting.contact_sheet import contact_sheet

from .vae_files import read_vae
from .world_clips import WorldClips

SCALES = (1, 2, 4)
"""Factors by which pictures are averaged before they are compared."""
EDGES = 0.5
"""Weight of the differences between neighbours against that of the pixels."""
KL = 3e-4
"""Weight of the mean divergence of a latent number from the standard normal."""
BRANCH = 0.1
"""Factor on the initial weights at the ends of residual branches."""
BRANCH_ENDS = ("conv2", "to_out.0")
PAST_BRANCHES = ("conv_in", "conv_shortcut", "samplers.0.conv")
"""Ends of the names of modules, as diffusers names them."""
LOG_VARIANCE = -4.0
"""Of a latent number, at first."""
SHOWN = 64
"""Pictures that are measured in validation."""


@dataclass(frozen=True, eq=False)
class VaeLearner:
    """The VAE and its data, a Learner.

    Attributes:
        network: that learns; in channels-last layout, which convolutions are faster in.
        clips: to train on.
        validation: to measure on.
        batch: pictures of a step.
        seed: of everything random.
    """

    network: AutoencoderKL
    clips: WorldClips
    validation: WorldClips
    batch: int
    seed: int

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """See Learner."""
        return {"vae": self.network}

    @property
    def origin(self) -> Mapping[str, str]:
        """See Learner."""
        return {"seed": str(self.seed)}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See Learner."""
        generator = sample_generator(self.seed, step, 1)
        pictures = self._drawn(self.clips, generator, self.batch)
        if float(torch.rand(1, generator=generator)) < 0.5:
            pictures = pictures.flip(-1)
        latent = self.network.encode(pictures).latent_dist
        noise = torch.randn(latent.mean.shape, generator=generator)
        made = self.network.decode(latent.mean + latent.std * noise).sample
        divergence = 0.5 * (latent.mean.square() + latent.var - 1.0 - latent.logvar).mean()
        difference = picture_loss(made, pictures)
        return difference + KL * divergence, {
            "difference": float(difference.detach()),
            "kl": float(divergence.detach()),
        }

    def validate(self, step: int, folder: Path) -> dict[str, float]:
        """See Learner: PSNR of fixed pictures, spread of their latents, and a sheet of them above what is made."""
        self.clips.look_again()
        with torch.no_grad():
            pictures = self._shown
            latent = self.network.encode(pictures).latent_dist.mean
            made = self.network.decode(latent).sample.clamp(-1.0, 1.0)
        error = (made - pictures).square().flatten(1).mean(dim=1) / 4.0
        true, seen = (to_frames(p.transpose(0, 1)[None]) for p in (pictures, made))
        sheet = contact_sheet([(true[i : i + 8], seen[i : i + 8]) for i in range(0, 24, 8)])
        sheet.save(folder / "reconstructions.png")
        return {"psnr": float((-10.0 * torch.log10(error)).mean()), "latent_std": float(latent.std())}

    def latent_statistics(self, pictures: int = 512) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents of training pictures, [C] each.

        Args:
            pictures: to measure.
        """
        generator, means = sample_generator(self.seed, 0, 3), []
        with torch.no_grad():
            for _ in range(0, pictures, self.batch):
                latent = self.network.encode(self._drawn(self.clips, generator, self.batch)).latent_dist
                means.append(latent.mean)
        values = torch.cat(means).transpose(0, 1).flatten(1)
        return values.mean(dim=1), values.std(dim=1)

    @cached_property
    def _shown(self) -> Tensor:
        return self._drawn(self.validation, sample_generator(self.seed, 0, 2), SHOWN)

    @staticmethod
    def _drawn(clips: WorldClips, generator: torch.Generator, count: int) -> Tensor:
        which = torch.rand((count, 2), generator=generator).tolist()
        places = [(int(clip * len(clips)), int(frame * clips.frames)) for clip, frame in which]
        return clips.pictures(places).contiguous(memory_format=torch.channels_last)


def new_vae(config: VaeConfig, seed: int) -> AutoencoderKL:
    """A VAE with initial values drawn by the seed, in channels-last layout.

    With PyTorch's own the residual branches drown what comes past them, and the latents' noise what is in them: light
    is then learned long before colour. So the branches begin small, what leads past them hands on its channels, and
    the latents begin with little noise.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = build_vae(config)
    with torch.no_grad():
        for name, module in vae.named_modules():
            if name.endswith(BRANCH_ENDS):
                module.get_parameter("weight").mul_(BRANCH)
            elif name.endswith(PAST_BRANCHES):
                module.get_parameter("weight").mul_(0.5).add_(handing_on(module.get_parameter("weight")))
        for name in ("quant_conv", "post_quant_conv"):
            nn.init.dirac_(vae.get_parameter(f"{name}.weight"))
            nn.init.zeros_(vae.get_parameter(f"{name}.bias"))
        vae.get_parameter("quant_conv.weight")[config.latent_channels :] *= BRANCH
        vae.get_parameter("quant_conv.bias")[config.latent_channels :] = LOG_VARIANCE
        vae.get_parameter("encoder.conv_out.weight").mul_(2.0)
    return vae.to(memory_format=torch.channels_last)


def handing_on(weight: Tensor) -> Tensor:
    """Weights of a convolution whose outputs are its inputs in turn; several inputs of one output are added up.

    Args:
        weight: [O, I, K, K], of its shape.
    """
    outputs, inputs, _, side = weight.shape
    made = torch.zeros_like(weight)
    place = torch.arange(max(outputs, inputs))
    made[place % outputs, place % inputs, side // 2, side // 2] = (outputs / max(outputs, inputs)) ** 0.5
    return made


def continued_vae(folder: Path, config: VaeConfig) -> AutoencoderKL:
    """A trained VAE that learns on.

    Raises:
        RealCamError: the folder holds none.
    """
    return read_vae(folder, config).requires_grad_(True).train().to(memory_format=torch.channels_last)


def picture_loss(made: Tensor, pictures: Tensor) -> Tensor:
    """Mean absolute difference of pixels and of differences between neighbours, over SCALES; sharp edges count twice.

    Args:
        made: [N, 3, H, W].
        pictures: of that shape.
    """
    total = made.new_zeros(())
    for factor in SCALES:
        a, b = (functional.avg_pool2d(p, factor) if factor > 1 else p for p in (made, pictures))
        edges = sum((a.diff(dim=axis) - b.diff(dim=axis)).abs().mean() for axis in (-2, -1))
        total = total + (a - b).abs().mean() + EDGES * edges
    return total / len(SCALES)
