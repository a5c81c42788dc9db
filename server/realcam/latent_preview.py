"""A small picture of a latent without the VAE: a linear map from its four channels to colour."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LATENT_TO_RGB = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
"""Fitted by others to Stable Diffusion's VAE, which is the published one: scaled latents to colours in [-1, 1]."""


def latent_picture(latents: Tensor, frame: int, enlarge: int = 4) -> NDArray[np.uint8]:
    """[h enlarge, w enlarge, 3] uint8 of one frame of scaled latents [1, 4, T, h, w]."""
    matrix = torch.tensor(LATENT_TO_RGB, dtype=torch.float32, device=latents.device)
    colours = latents[0, :, frame].float().permute(1, 2, 0) @ matrix
    small = ((colours.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(small.repeat(enlarge, axis=0).repeat(enlarge, axis=1))
