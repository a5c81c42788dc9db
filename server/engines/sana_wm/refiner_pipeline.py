"""diffusers' refiner of SANA-WM's latents, begun at any block, which tells of its steps and blocks.

diffusers' own has neither callback nor beginning but the first: what is told is told by its scheduler, whose steps it
takes, and where it keeps the keys and values of a block that is finished.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SanaWMLTX2Refiner
from diffusers.pipelines.sana_wm.refiner import STAGE_2_DISTILLED_SIGMA_VALUES
from torch import Tensor

from server.engines.pipelines.refiner import RefinedSoFar

BLOCK = 3
"""Latent frames that are refined at once, as the network was trained."""
ANCHOR = 1
"""Latent frames at the start that stay as they are: the photo's."""
STEPS = len(STAGE_2_DISTILLED_SIGMA_VALUES) - 1
"""Steps of a block, from its noise levels."""
FPS = 16
"""Frames a second that the network is told, as the first one was trained."""
_FINISHED = "inject_and_capture_post_rope"
"""How diffusers calls the pass that keeps a finished block's keys and values."""


class BlockEuler(FlowMatchEulerDiscreteScheduler):
    """diffusers' Euler, which takes no step in blocks that are finished already and tells of those that it takes.

    Attributes:
        finished: blocks without steps.
        on_step: told after each step how many steps are done, those of finished blocks counted.
        block: the one under way; -1 before the first.
    """

    finished: int = 0
    on_step: Callable[[int], None] | None = None
    block: int = -2
    timesteps: Tensor

    def set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        """Set the timesteps of the next block. The pipeline asks once before the first block, and for each."""
        super().set_timesteps(*args, **kwargs)
        self.block += 1
        if 0 <= self.block < self.finished:
            self.timesteps = self.timesteps[:0]

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """See diffusers."""
        stepped = super().step(*args, **kwargs)
        if self.on_step is not None:
            self.on_step(self.block * STEPS + self.step_index)
        return stepped


class ShotRefiner(SanaWMLTX2Refiner):
    """The same refiner, with words that were encoded before, begun at any block."""

    scheduler: BlockEuler
    _words: tuple[Tensor, Tensor] | None = None
    _so_far: Tensor | None = None
    _on_block: Callable[[RefinedSoFar], None] | None = None

    def refine(
        self,
        begun: RefinedSoFar,
        words: tuple[Tensor, Tensor],
        seed: int,
        on_step: Callable[[int], None],
        on_block: Callable[[RefinedSoFar], None],
    ) -> Tensor:
        """The refined latents [1, C, L, h, w].

        Args:
            begun: see Refiner.
            words: from `encoded_words`.
            seed: of the noise. That of finished blocks is drawn too, so that the others have the same.
            on_step: see Refiner.
            on_block: see Refiner.
        """
        scheduler: BlockEuler = BlockEuler.from_config(self.scheduler.config)
        scheduler.finished, scheduler.on_step = begun.blocks, on_step
        self.scheduler, self._words, self._on_block = scheduler, words, on_block
        self._so_far = begun.latents.to(self._execution_device, self.transformer.dtype).clone()
        try:
            self(
                self._so_far,
                "",
                fps=FPS,
                sink_size=ANCHOR,
                block_size=BLOCK,
                generator=torch.Generator().manual_seed(seed),
                output_type="latent",
            )
            return self._so_far
        finally:
            self._words = self._so_far = self._on_block = scheduler.on_step = None

    def encoded_words(self, prompt: str) -> tuple[Tensor, Tensor]:
        """What the network reads of a prompt: embeddings and their mask. Text encoder and connectors are needed."""
        device = self.text_encoder.device
        embeds, mask = super()._encode_prompt(prompt, device=device, dtype=self.connectors.dtype)
        return embeds, mask

    def _encode_prompt(self, prompt: str, *, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if self._words is None:
            raise ValueError("refine() hands the words on")
        embeds, mask = self._words
        return embeds.to(device, dtype), mask.to(device)

    def _capture_block_kv(
        self, *, clean_block: Tensor, frame_positions: list[int], kv_cache_mode: str, **rest: Any
    ) -> None:
        """Keep the keys and values of a block; one that was finished before is read anew from its latents."""
        so_far, place = self._so_far, slice(frame_positions[0], frame_positions[-1] + 1)
        done = self.scheduler.block + 1
        if kv_cache_mode != _FINISHED or so_far is None:
            done = 0
        elif done > self.scheduler.finished:
            so_far[:, :, place] = clean_block
        else:
            clean_block = so_far[:, :, place].contiguous()
        super()._capture_block_kv(
            clean_block=clean_block, frame_positions=frame_positions, kv_cache_mode=kv_cache_mode, **rest
        )
        if so_far is not None and self._on_block is not None and done > self.scheduler.finished:
            self._on_block(RefinedSoFar(so_far, done))
