"""OpenCLIP's text and image encoders as transformers builds them, and the picture as the image encoder takes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

from .config import ClipConfig

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
"""Mean that OpenCLIP subtracts from red, green and blue in 0..1."""
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Standard deviation that it divides them by."""


def build_text_encoder(config: ClipConfig) -> CLIPTextModel:
    """The text encoder without its last layer: the published model reads the last layer but one, normed."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.text_width,
            intermediate_size=4 * config.text_width,
            num_hidden_layers=config.text_layers - 1,
            num_attention_heads=config.text_heads,
            max_position_embeddings=config.text_length,
            hidden_act="gelu",
            bos_token_id=None,
            eos_token_id=config.vocabulary - 1,
            pad_token_id=0,
        )
    )


def build_image_encoder(config: ClipConfig) -> CLIPVisionModel:
    """The image encoder without its last norm, which the published model leaves out."""
    model = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=config.vision_width,
            intermediate_size=4 * config.vision_width,
            num_hidden_layers=config.vision_layers,
            num_attention_heads=config.vision_heads,
            image_size=config.image_size,
            patch_size=config.patch,
            hidden_act="gelu",
        )
    )
    model.post_layernorm = nn.Identity()
    return model


def encode_text(encoder: CLIPTextModel, token_ids: Tensor) -> Tensor:
    """The text's tokens; padding is not masked.

    Args:
        encoder: as `build_text_encoder` makes it.
        token_ids: [B, 77] int64.

    Returns:
        [B, 77, C].
    """
    return encoder(input_ids=token_ids).last_hidden_state


def encode_image(encoder: CLIPVisionModel, image: Tensor, size: int = 224) -> Tensor:
    """All tokens of the picture, the class token first.

    Args:
        encoder: as `build_image_encoder` makes it.
        image: [B, 3, H, W] in [-1, 1].
        size: side of the encoder's input, pixels.

    Returns:
        [B, 1 + patches, C] in the dtype of the encoder.
    """
    weight = encoder.embeddings.patch_embedding.weight
    return encoder(pixel_values=clip_pixels(image.float(), size).to(weight.dtype)).last_hidden_state


def clip_pixels(image: Tensor, size: int = 224) -> Tensor:
    """The picture resized to a square, without keeping its shape, and normalised, as the published model does it.

    It is blurred against aliasing, then resized bicubically with aligned corners; overshoot is kept.

    Args:
        image: [B, 3, H, W] in [-1, 1].
        size: side of the result, pixels.

    Returns:
        [B, 3, size, size].
    """
    factors = (image.shape[-2] / size, image.shape[-1] / size)
    if max(factors) > 1:
        image = _antialiased(image, factors)
    image = functional.interpolate(image, (size, size), mode="bicubic", align_corners=True)
    mean = torch.tensor(CLIP_MEAN, device=image.device)[:, None, None]
    std = torch.tensor(CLIP_STD, device=image.device)[:, None, None]
    return ((image + 1.0) / 2.0 - mean) / std


def _antialiased(image: Tensor, factors: tuple[float, float]) -> Tensor:
    for axis, factor in zip((-2, -1), factors, strict=True):
        sigma = max((factor - 1.0) / 2.0, 0.001)
        taps = int(max(4.0 * sigma, 3.0)) | 1
        x = torch.arange(taps, dtype=torch.float32, device=image.device) - taps // 2
        kernel = torch.exp(-(x**2) / (2.0 * sigma**2))
        kernel = (kernel / kernel.sum()).view((1, 1, taps, 1) if axis == -2 else (1, 1, 1, taps))
        half = taps // 2
        padded = functional.pad(image, (0, 0, half, half) if axis == -2 else (half, half, 0, 0), mode="reflect")
        image = functional.conv2d(padded, kernel.expand(image.shape[1], -1, -1, -1), groups=image.shape[1])
    return image
