"""What an engine on one of diffusers' pipelines says of it; all else is the runner's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.payloads.shot import Shot
from server.diffusion.flow.solver_state import SolverState

from .fitting.clip_rule import ClipRule
from .fitting.piece import Piece
from .refiner import Refiner
from .words.reading import Reader


class FlowScheduler(Protocol):
    """A scheduler that can start in the middle: HeldUniPC or HeldEuler of server.diffusion.flow."""

    start: SolverState | None

    @property
    def state(self) -> SolverState:
        """Where the run stands after the last step."""
        ...

    @property
    def clean(self) -> Tensor | None:
        """The clean latents predicted at the last step, laid out as the pipeline hands them to it."""
        ...


class Adapter(Reader, Protocol):
    """One shot's settings of one engine, as the runner asks for them."""

    @property
    def name(self) -> str:
        """The engine's name, as in its capability."""
        ...

    @property
    def memory(self) -> str:
        """The plan that the artist wishes, "auto" for the one that fits."""
        ...

    @property
    def rule(self) -> ClipRule:
        """The clips that the network makes in one piece."""
        ...

    @property
    def shared(self) -> int:
        """Frames that each segment of a long shot shares with the one before: k * frame_step + 1."""
        ...

    def lead_in(self, shot: Shot) -> int:
        """Frames that are made before the shot's first one, and cut off again; 0 where the clip begins with that.

        Args:
            shot: the whole shot.
        """
        ...

    @property
    def steps(self) -> int:
        """Sampling steps of a segment."""
        ...

    @property
    def splits(self) -> bool:
        """Whether diffusers has a plan by which several cards share the network's tokens."""
        ...

    @property
    def refiner(self) -> Refiner | None:
        """What the latents go through before they are decoded, None where they are decoded at once."""
        ...

    def check(self, shot: Shot, inside: Bool) -> tuple[str, ...]:
        """Notes for the artist on what the engine makes of the shot.

        Args:
            shot: the whole shot at the network's size.
            inside: [H, W] where the network's frame shows the artist's.

        Raises:
            EngineError: it cannot make this shot.
        """
        ...

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """The pipeline without its text encoder, on the CPU.

        Args:
            folder: of the weights, in diffusers' layout.
            dtype: of the large network.
        """
        ...

    def scheduler(self, pipe: Any, piece: Piece) -> FlowScheduler:
        """A new scheduler for a piece. It may encode what it holds: networks are polled meanwhile."""
        ...

    def arguments(self, pipe: Any, piece: Piece) -> Mapping[str, Any]:
        """The arguments of the pipeline's call, but for prompts, steps, generator, latents and callback."""
        ...

    def picture(self, pipe: Any, clean: Tensor) -> UInt8:
        """A frame [h, w, 3] from the middle of clean latents, laid out as the scheduler is handed them."""
        ...
