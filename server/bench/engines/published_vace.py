"""VACE of the size that its 1.3B network was published in, with random weights: for measuring time and memory."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel

from server.engines.pipelines.words.random_encoder import random_encoder

TEXT_WIDTH = 4096
"""Of UMT5-XXL's words. A tiny encoder of the same width stands for it: it is gone before the network runs."""


def published_networks() -> tuple[WanVACETransformer3DModel, AutoencoderKLWan]:
    """Network and VAE of the published size, on the device and in the dtype that are set."""
    transformer = WanVACETransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=12,
        attention_head_dim=128,
        in_channels=16,
        out_channels=16,
        text_dim=TEXT_WIDTH,
        freq_dim=256,
        ffn_dim=8960,
        num_layers=30,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=1024,
        vace_layers=list(range(0, 30, 2)),
        vace_in_channels=96,
    )
    return transformer, AutoencoderKLWan()


def save_published_size(folder: Path) -> None:
    """Save the pipeline into a folder, in diffusers' layout: 5 GB.

    Args:
        folder: is filled.
    """
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        transformer, vae = published_networks()
    tokenizer, text_encoder = random_encoder(TEXT_WIDTH)
    pipe = WanVACEPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=vae.cpu(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
        transformer=transformer.to("cpu", torch.bfloat16),
    )
    pipe.save_pretrained(folder)
