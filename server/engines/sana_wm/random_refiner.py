"""A tiny refiner with random weights, for the latents of `random_pipeline`."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SanaWMLTX2RefinerTransformer3DModel
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from server.engines.pipelines.words.random_encoder import random_encoder

from .refiner_pipeline import ShotRefiner

WIDTH = 16
"""Of the encoded words."""
TOKENS = 64
"""That are read of a prompt; a multiple of the connectors' registers."""


def save_random_refiner(folder: Path) -> None:
    """Save the refiner into a folder, in diffusers' layout: the same weights each time.

    Args:
        folder: is filled.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer, _ = random_encoder()
        encoder = Gemma3TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        pipe = ShotRefiner(
            tokenizer=tokenizer,
            text_encoder=Gemma3ForCausalLM(encoder),
            connectors=LTX2TextConnectors(
                caption_channels=WIDTH,
                text_proj_in_factor=2,
                video_connector_num_attention_heads=2,
                video_connector_attention_head_dim=8,
                video_connector_num_layers=1,
                video_connector_num_learnable_registers=8,
                audio_connector_num_attention_heads=2,
                audio_connector_attention_head_dim=8,
                audio_connector_num_layers=1,
                audio_connector_num_learnable_registers=8,
            ),
            transformer=SanaWMLTX2RefinerTransformer3DModel(
                in_channels=4,
                out_channels=4,
                num_attention_heads=2,
                attention_head_dim=8,
                cross_attention_dim=16,
                vae_scale_factors=(2, 8, 8),
                audio_in_channels=4,
                audio_out_channels=4,
                audio_num_attention_heads=2,
                audio_attention_head_dim=4,
                audio_cross_attention_dim=8,
                num_layers=2,
                caption_channels=WIDTH,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
            text_max_sequence_length=TOKENS,
        )
        pipe.save_pretrained(folder)
