"""Where a flow scheduler stands between two steps, as plain tensors: with the latents, all that is needed to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from blender_addon.core.errors import EngineError


@dataclass(frozen=True, eq=False)
class SolverState:
    """A scheduler's state after a step.

    Attributes:
        done: steps taken.
        sigmas: [N + 1] noise levels of the whole run.
        outputs: clean latents predicted at the last steps, the latest last, None before there were any; none for a
            scheduler without memory.
        last_sample: the latent that the last step began from, None if it may not be corrected any more.
        lower_order: steps whose outputs the solver may use, at most its order.
        this_order: order of the last step.
    """

    done: int
    sigmas: Tensor
    outputs: tuple[Tensor | None, ...] = ()
    last_sample: Tensor | None = None
    lower_order: int = 0
    this_order: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, for a safetensors file."""
        numbers = torch.tensor([self.done, len(self.outputs), self.lower_order, self.this_order])
        kept = {"solver.numbers": numbers, "solver.sigmas": self.sigmas}
        kept |= {f"solver.output.{n}": output for n, output in enumerate(self.outputs) if output is not None}
        return kept if self.last_sample is None else kept | {"solver.last_sample": self.last_sample}


def solver_state(tensors: Mapping[str, Tensor]) -> SolverState:
    """The state that `SolverState.tensors` named; other tensors may stand beside it.

    Raises:
        KeyError: a tensor is missing.
    """
    done, outputs, lower_order, this_order = tensors["solver.numbers"].tolist()
    return SolverState(
        done=done,
        sigmas=tensors["solver.sigmas"],
        outputs=tuple(tensors.get(f"solver.output.{n}") for n in range(outputs)),
        last_sample=tensors.get("solver.last_sample"),
        lower_order=lower_order,
        this_order=this_order,
    )


def check_same_levels(state: SolverState, sigmas: Tensor) -> None:
    """Refuse a state of a run whose noise levels were others.

    Raises:
        EngineError: they are, so that the steps that remain would not follow those that were taken.
    """
    if not torch.equal(state.sigmas.cpu(), sigmas.cpu()):
        raise EngineError(
            "The half-made clip cannot be continued",
            f"It was made with {len(state.sigmas) - 1} steps at other noise levels than the {len(sigmas) - 1} of now.",
            "Generate the shot anew.",
        )
