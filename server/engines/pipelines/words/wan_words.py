"""What the Wan networks are told in words: UMT5's embeddings of the prompts."""

from __future__ import annotations

from typing import Any

from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from torch import Tensor

from .left_out import length_notes
from .umt5 import MOST_TOKENS

NEGATIVE = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall "
    "gray, worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, "
    "poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three "
    "legs, many people in the background, walking backwards"
)
"""Negative prompt where the artist gave none: the one that the networks are published with."""


def wan_words(encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The prompts as arguments of a Wan pipeline's call, and notes on what was left out of them.

    Args:
        encoder: a Wan pipeline with its text encoder and tokenizer.
        prompt: the artist's.
        negative: the artist's, "" for the published one.
    """
    negative = negative or NEGATIVE
    both = {"prompt": prompt_clean(prompt), "negative prompt": prompt_clean(negative)}
    notes = length_notes(encoder.tokenizer, both, MOST_TOKENS)
    embeds = encoder.encode_prompt(
        prompt,
        negative_prompt=negative,
        do_classifier_free_guidance=True,
        max_sequence_length=MOST_TOKENS,
        device=encoder.text_encoder.device,
    )
    return dict(zip(("prompt_embeds", "negative_prompt_embeds"), embeds, strict=True)), notes
