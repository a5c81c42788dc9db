"""A tiny VACE with random weights: everything but the picture can be tested with it."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel

from server.engines.pipelines.words.random_encoder import WIDTH, random_encoder


def save_random_pipeline(folder: Path, patch: int = 2) -> None:
    """Save the pipeline into a folder, in diffusers' layout: the same weights each time.

    Args:
        folder: is filled.
        patch: latents along rows and columns that make one token; 2 of the published network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer, text_encoder = random_encoder()
        pipe = WanVACEPipeline(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            vae=random_vae(),
            scheduler=UniPCMultistepScheduler(
                prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
            ),
            transformer=WanVACETransformer3DModel(
                patch_size=(1, patch, patch),
                num_attention_heads=2,
                attention_head_dim=12,
                in_channels=16,
                out_channels=16,
                text_dim=WIDTH,
                freq_dim=256,
                ffn_dim=32,
                num_layers=3,
                cross_attn_norm=True,
                qk_norm="rms_norm_across_heads",
                rope_max_seq_len=128,
                vace_layers=[0, 2],
                vace_in_channels=96,
            ),
        )
        pipe.save_pretrained(folder)


def random_vae() -> AutoencoderKLWan:
    """A Wan VAE of the published factors, 4 in time and 8 in space, and few channels."""
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
