"""The conditions of a segment, and the network bound to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from server.diffusion.sampler import Branch
from server.model.clip_encoders import encode_image, encode_text
from server.model.config import ModelConfig
from server.model.model import RealCamModel
from server.model.unet.attention import ContextKeys
from server.model.unet.transformers import LevelCamera
from server.model.unet.unet import BoundContext, Camera, UNet, split_context

SOURCE_FPS = 29.97
"""Frame rate of the footage the weights were trained on."""


def context_tokens(model: RealCamModel, token_ids: Tensor, picture: Tensor) -> Tensor:
    """The context of a prompt and a picture.

    Args:
        model: encodes both.
        token_ids: [B, 77] int64.
        picture: [B, 3, H, W] in [-1, 1].

    Returns:
        [B, 77 + 16 frames, C]: the text's tokens, then the picture's for each of the frames that the resampler knows.
    """
    text = encode_text(model.text_encoder, token_ids.to(model.device))
    tokens = encode_image(model.image_encoder, picture.to(model.device), model.config.clip.image_size)
    return torch.cat([text, model.resampler(tokens)], dim=1)


ConcatStyle = Literal["repeat", "ends", "repeat_to_end", "continue"]
"""Which clean latents the network is given, see `concat_latents`."""


def concat_latents(latents: Tensor, reference: int | Tensor, style: ConcatStyle = "repeat") -> Tensor:
    """The latents that the network is given beside the noisy ones.

    The published RealCam weights were trained with "repeat" alone, and the published code has "ends" besides; the other
    two are our reading of the paper's figure 6.

    Args:
        latents: [B, 4, T, h, w], scaled.
        reference: index of the reference frame, of all samples or [B].
        style: "repeat" gives the reference frame's latent for every frame; "ends", for weights trained to interpolate,
            only the first and the last frame's own, and zeros between; "repeat_to_end" the reference frame's for every
            frame but the last, which gets its own; "continue" every frame's own up to the reference frame, and the
            reference frame's after it.

    Returns:
        [B, 4, T, h, w].
    """
    if style == "ends":
        ends = torch.zeros_like(latents)
        ends[:, :, 0], ends[:, :, -1] = latents[:, :, 0], latents[:, :, -1]
        return ends
    frames = torch.as_tensor(reference, device=latents.device).expand(len(latents))
    held = latents[torch.arange(len(latents)), :, frames].unsqueeze(2).expand_as(latents)
    if style == "repeat":
        return held
    places = torch.arange(latents.shape[2], device=latents.device)
    own = places <= frames[:, None] if style == "continue" else (places == len(places) - 1).expand(len(latents), -1)
    return torch.where(own[:, None, :, None, None], latents, held)


def fps_value(config: ModelConfig, frame_stride: int) -> int:
    """What the network is told of the clip's speed.

    Args:
        config: says what it was trained on.
        frame_stride: frames of SOURCE_FPS from one frame of the clip to the next.

    Returns:
        The stride itself, or the frames per second that it leaves.
    """
    return frame_stride if config.fps_condition == "stride" else int(SOURCE_FPS // frame_stride)


@dataclass(frozen=True, eq=False)
class Conditions:
    """What one segment is conditioned on.

    Attributes:
        concat: [B, 4, T, h, w], see `concat_latents`.
        conditional: context of the prompt and the picture.
        unconditional: context of the negative prompt and no picture.
        camera: None to ignore it.
        fps: see `fps_value`.
        image_only: context of the negative prompt and the picture, where guidance has a scale for each; else None.
    """

    concat: Tensor
    conditional: BoundContext
    unconditional: BoundContext
    camera: Camera | None
    fps: int
    image_only: BoundContext | None = None

    def context(self, branch: Branch) -> BoundContext:
        """The context that the network is given in this branch.

        Raises:
            ValueError: it was not bound.
        """
        if branch == "image_only":
            if self.image_only is None:
                raise ValueError("the picture without the words was not bound")
            return self.image_only
        return self.unconditional if branch == "unconditional" else self.conditional


def bind(
    model: RealCamModel,
    concat: Tensor,
    conditional: Tensor,
    unconditional: Tensor,
    camera: Camera | None,
    fps: int,
    published_parity: bool = False,
    image_only: Tensor | None = None,
) -> Conditions:
    """The conditions of a segment, with the contexts bound to the network, on the model's device.

    Args:
        model: its UNet binds the contexts.
        concat: [B, 4, T, h, w], see `concat_latents`.
        conditional: context tokens [B, L, C] of the prompt and the picture.
        unconditional: context tokens of the negative prompt without the picture.
        camera: None to ignore it.
        fps: see `fps_value`.
        published_parity: see `split_context`.
        image_only: context tokens of the negative prompt and the picture, or None.
    """

    def bound(context: Tensor) -> BoundContext:
        there = context.to(model.device)
        return model.unet.bind_context(split_context(there, concat.shape[2], published_parity))

    image = None if image_only is None else bound(image_only)
    return Conditions(concat.to(model.device), bound(conditional), bound(unconditional), camera, fps, image)


class BoundDenoiser:
    """The UNet with its conditions: a Denoiser for the sampler.

    Args:
        unet: the network.
        conditions: of the segment.
        batched: run the conditional and the unconditional branch as one batch, faster where the device has room for it.
        between_blocks: called after each block of the network; what it raises ends the sampling.
    """

    def __init__(
        self,
        unet: UNet,
        conditions: Conditions,
        batched: bool = False,
        between_blocks: Callable[[], None] = lambda: None,
    ) -> None:
        self._unet, self._conditions, self._between = unet, conditions, between_blocks
        self._together = joined((conditions.conditional, conditions.unconditional)) if batched else None
        self._camera_twice = repeated(conditions.camera, 2) if batched and conditions.camera else None

    def __call__(self, latent: Tensor, timestep: int, branches: Sequence[Branch]) -> list[Tensor]:
        """The network's outputs for the branches asked for, float32, see Denoiser."""
        x = torch.cat([latent, self._conditions.concat.to(latent)], dim=1)
        if self._together is None or "unconditional" not in branches:
            return [self._run(x, timestep, branch) for branch in branches]
        both = self._forward(torch.cat([x, x]), timestep, self._together, self._camera_twice)
        outputs: dict[Branch, Tensor] = dict(zip(("conditional", "unconditional"), both.chunk(2), strict=True))
        return [outputs[b] if b in outputs else self._run(x, timestep, b) for b in branches]

    def _run(self, x: Tensor, timestep: int, branch: Branch) -> Tensor:
        c = self._conditions
        return self._forward(x, timestep, c.context(branch), None if branch == "no_camera" else c.camera)

    def _forward(self, x: Tensor, timestep: int, context: BoundContext, camera: Camera | None) -> Tensor:
        times = torch.full((len(x),), timestep, device=x.device)
        fps = torch.full((len(x),), self._conditions.fps, device=x.device)
        return self._unet(x, times, context, camera, fps, self._between).float()


def repeated(camera: Camera, times: int) -> Camera:
    """The camera for `times` copies of its batch, one after the other.

    That of one sample serves every sample as it is. A shot is always one sample; larger batches are for research.
    """
    if len(camera[0].features) == 1:
        return camera
    return tuple(
        LevelCamera(level.features.repeat(times, 1, 1, 1, 1), None if level.plans is None else level.plans * times)
        for level in camera
    )


def joined(contexts: Sequence[BoundContext]) -> BoundContext:
    """Several contexts as one batch."""
    return BoundContext(
        tuple(
            ContextKeys(*(torch.cat(tensors) for tensors in zip(*(_fields(k) for k in keys), strict=True)))
            for keys in zip(*(c.keys for c in contexts), strict=True)
        )
    )


def _fields(keys: ContextKeys) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return keys.text_keys, keys.text_values, keys.image_keys, keys.image_values
