"""What of a prompt the text encoder reads: it has a length, and the rest would be left out without a word."""

from __future__ import annotations

from typing import Any


def left_out(tokenizer: Any, prompt: str, most: int) -> str:
    """The end of the prompt that is not read; "" when all is.

    Args:
        tokenizer: transformers', a fast one.
        prompt: as the pipeline hands it to the tokenizer.
        most: tokens that are read, with the special ones.
    """
    offsets = tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    room = most - tokenizer.num_special_tokens_to_add()
    return prompt[offsets[room][0] :] if len(offsets) > room else ""


def length_notes(tokenizer: Any, prompts: dict[str, str], most: int) -> tuple[str, ...]:
    """A sentence for each prompt that is longer than the encoder reads.

    Args:
        tokenizer: transformers', a fast one.
        prompts: by what the artist calls them.
        most: tokens that are read.
    """
    cuts = {name: left_out(tokenizer, prompt, most) for name, prompt in prompts.items()}
    return tuple(
        f"The {name} was longer than the model reads: {cut!r} was left out." for name, cut in cuts.items() if cut
    )
