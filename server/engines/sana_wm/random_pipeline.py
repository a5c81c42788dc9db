"""A tiny network of SANA-WM's structure with random weights: everything but the picture can be tested with it.

Its latents stand for 2 frames and 8 x 8 pixels, in place of 8 frames and 32 x 32.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLLTX2Video, FlowMatchEulerDiscreteScheduler, SanaWMTransformer3DModel
from transformers import Gemma2Config, Gemma2ForCausalLM

from server.engines.pipelines.words.random_encoder import random_encoder

from .pipeline import ShotSanaWM

WIDTH = 16
"""Of the encoded words."""
PATCH = 4
"""Pixels along a side that the VAE takes together, before it halves the picture."""


def save_random_pipeline(folder: Path, patch: int = PATCH) -> None:
    """Save the pipeline into a folder, in diffusers' layout: the same weights each time.

    Args:
        folder: is filled.
        patch: see `random_vae`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer, _ = random_encoder()
        config = Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        pipe = ShotSanaWM(
            tokenizer=tokenizer,
            text_encoder=Gemma2ForCausalLM(config),
            vae=random_vae(patch),
            transformer=SanaWMTransformer3DModel(
                in_channels=4,
                num_layers=2,
                hidden_size=32,
                num_attention_heads=2,
                linear_head_dim=16,
                softmax_every_n=2,
                caption_channels=WIDTH,
                chunk_plucker_channels=12,
                chunk_plucker_post_attn_blocks=2,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        )
        pipe.save_pretrained(folder)


def random_vae(patch: int = PATCH) -> AutoencoderKLLTX2Video:
    """A VAE of LTX-2's kind, with few channels.

    Args:
        patch: half the pixels along a side that a latent stands for.
    """
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatiotemporal",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        timestep_conditioning=False,
        patch_size=patch,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    vae.use_framewise_encoding = vae.use_framewise_decoding = False
    return vae
