"""A tiny network of Wan 2.2's structure with random weights: everything but the picture can be tested with it."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanImageToVideoPipeline, WanTransformer3DModel

from server.engines.pipelines.words.random_encoder import WIDTH, random_encoder

CHANNELS = 48


def save_random_pipeline(folder: Path) -> None:
    """Save the pipeline into a folder, in diffusers' layout: the same weights each time.

    Args:
        folder: is filled.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer, text_encoder = random_encoder()
        pipe = WanImageToVideoPipeline(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            vae=random_vae(),
            scheduler=UniPCMultistepScheduler(
                prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=5.0
            ),
            transformer=WanTransformer3DModel(
                patch_size=(1, 2, 2),
                num_attention_heads=2,
                attention_head_dim=12,
                in_channels=CHANNELS,
                out_channels=CHANNELS,
                text_dim=WIDTH,
                freq_dim=256,
                ffn_dim=32,
                num_layers=2,
                cross_attn_norm=True,
                qk_norm="rms_norm_across_heads",
                rope_max_seq_len=128,
            ),
            expand_timesteps=True,
        )
        pipe.save_pretrained(folder)


def random_vae() -> AutoencoderKLWan:
    """A VAE of Wan 2.2's factors, 4 in time and 16 in space, and few channels."""
    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        attn_scales=[],
        temperal_downsample=[False, True, True],
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        latents_mean=[0.0] * CHANNELS,
        latents_std=[1.0] * CHANNELS,
    )
