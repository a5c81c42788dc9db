"""A tiny text encoder with random weights, and a tokenizer of bytes: neither needs a file from anywhere."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

WIDTH = 32
"""Of the encoded words."""
END, UNKNOWN, PADDING = "</s>", "<unk>", "<pad>"


def random_encoder(width: int = WIDTH) -> tuple[PreTrainedTokenizerFast, UMT5EncoderModel]:
    """The tokenizer and the encoder, as pipelines with UMT5 take them.

    Args:
        width: of the encoded words.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([PADDING, END, UNKNOWN, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PADDING, eos_token=END, unk_token=UNKNOWN, model_max_length=512
    )
    config = UMT5Config(vocab_size=len(vocabulary), d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    return fast, UMT5EncoderModel(config)
