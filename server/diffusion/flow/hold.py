"""Scene-constrained shaping on flow matching: the scene's preview is held while the noise level s is high.

"noisy" replaces the noisy latent by the noised preview, as RealCam's published code and Time-to-Move do; "clean"
replaces the predicted clean latent, as RealCam's paper writes it. "dual" is Time-to-Move's dual clock: "noisy" where
the preview is seen, and for the very first steps everywhere, so that what is not seen begins from the filled preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

HoldStyle = Literal["clean", "noisy", "dual"]


@dataclass(frozen=True)
class HoldSpan:
    """What is held, and for how long.

    Attributes:
        style: what is replaced, see the module's docstring.
        until: hold what is seen while the noise level is at least this; 0 holds it to the end, above 1 never.
        whole_until: of the style "dual": hold everything while the noise level is at least this.
    """

    style: HoldStyle
    until: float
    whole_until: float = 1.0


@dataclass(frozen=True, eq=False)
class SceneHold:
    """A preview that a scheduler holds. All tensors are laid out as the pipeline hands its latents to `step`.

    Attributes:
        latents: the preview's, normalised as the pipeline normalises what its VAE encodes; holes are filled.
        noise: standard normal, one draw for the whole run: the latents that sampling starts from.
        seen: 1 where the preview is held, 0 where it is not; it must be 0 wherever `reach` is.
        reach: 1 where anything may be held, 0 where the pipeline itself conditions (the first latent frame of
            image-to-video) or adds tokens of its own.
        span: for how long.
    """

    latents: Tensor
    noise: Tensor
    seen: Tensor
    reach: Tensor
    span: HoldSpan

    def clean_mask(self, level: float) -> Tensor | None:
        """Where the clean latent predicted at this level is replaced, None for nowhere."""
        return self.seen if self.span.style == "clean" and level >= self.span.until else None

    def noisy_mask(self, level: float) -> Tensor | None:
        """Where the latent that has come to this level is replaced, None for nowhere."""
        if self.span.style == "clean":
            return None
        if self.span.style == "dual" and level >= self.span.whole_until:
            return self.reach
        return self.seen if level >= self.span.until else None

    def over_clean(self, level: float, clean: Tensor) -> Tensor:
        """The clean latent that the scheduler goes on with, from the one predicted at this level."""
        mask = self.clean_mask(level)
        return clean if mask is None else laid_over(self.latents, clean, mask)

    def over_noisy(self, level: float, sample: Tensor) -> Tensor:
        """The latent that the network is given next, from the one that has come to this level."""
        mask = self.noisy_mask(level)
        if mask is None:
            return sample
        noised = (1.0 - level) * self.latents + level * self.noise
        return laid_over(noised, sample, mask)


def laid_over(held: Tensor, free: Tensor, mask: Tensor) -> Tensor:
    """`held` where the mask is 1, `free` where it is 0, like `free` in device and dtype."""
    weight = mask.to(free)
    return weight * held.to(free) + (1.0 - weight) * free
