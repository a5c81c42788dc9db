"""Checkpoints of a clip made by a pipeline, as safetensors: a file can hold numbers and nothing that runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from blender_addon.core.arrays import UInt8
from server.diffusion.flow.solver_state import SolverState, solver_state
from server.engines.engine import Checkpoints

log = logging.getLogger("realcam.engine")


@dataclass(frozen=True)
class Refining:
    """How far a refiner came with the latents of a state.

    Attributes:
        plan: name of the memory plan that it was run with.
        blocks: that are finished.
        notes: on the words that the first pipeline read, which need not be read again.
    """

    plan: str
    blocks: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ClipState:
    """How far a clip came.

    Attributes:
        plan: name of the memory plan that it was made with; another plan rounds differently.
        segments: that are finished.
        frames: [F, H, W, 3] uint8 of the network's size, of the finished segments.
        latents: of the segment that is being made, None before its first step.
        solver: the scheduler's state with these latents.
        refining: where the first pipeline has finished and a refiner is at work on the latents; else None.
    """

    plan: str
    segments: int
    frames: UInt8
    latents: Tensor | None = None
    solver: SolverState | None = None
    refining: Refining | None = None


def encode_state(state: ClipState, digest: bytes) -> bytes:
    """The bytes of a safetensors file that holds the state.

    Args:
        state: of the clip.
        digest: see `server.engines.clip_digest`.
    """
    tensors = {
        "digest": _tensor(digest),
        "plan": _tensor(state.plan.encode()),
        "segments": torch.tensor(state.segments),
        "frames": torch.from_numpy(state.frames),
    }
    if state.latents is not None and state.solver is not None:
        tensors |= {"latents": state.latents, **state.solver.tensors()}
    if state.latents is not None and state.refining is not None:
        tensors |= {
            "latents": state.latents,
            "refining.plan": _tensor(state.refining.plan.encode()),
            "refining.blocks": torch.tensor(state.refining.blocks),
            "refining.notes": _tensor(msgspec.json.encode(state.refining.notes)),
        }
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def decode_state(data: bytes, digest: bytes) -> ClipState | None:
    """What a checkpoint holds, None when it cannot be read, or is of another shot, code or machine.

    Args:
        data: as `encode_state` makes it.
        digest: of the clip that is being made.
    """
    try:
        tensors = load(data)
        if tensors["digest"].numpy().tobytes() != digest:
            log.info("a checkpoint was made by something else, the shot starts anew")
            return None
        return ClipState(
            plan=tensors["plan"].numpy().tobytes().decode(),
            segments=int(tensors["segments"]),
            frames=np.asarray(tensors["frames"].numpy()),
            latents=tensors.get("latents"),
            solver=solver_state(tensors) if "solver.numbers" in tensors else None,
            refining=_refining(tensors) if "refining.plan" in tensors else None,
        )
    except (SafetensorError, KeyError, ValueError) as error:
        log.warning("a checkpoint cannot be read, the shot starts anew: %s", error)
        return None


def _refining(tensors: dict[str, Tensor]) -> Refining:
    return Refining(
        tensors["refining.plan"].numpy().tobytes().decode(),
        int(tensors["refining.blocks"]),
        msgspec.json.decode(tensors["refining.notes"].numpy().tobytes(), type=tuple[str, ...]),
    )


def _tensor(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


class ClipKeeper:
    """Saves the state of one clip whenever that is due.

    Args:
        checkpoints: where they are kept, None for nowhere.
        digest: of the clip.
    """

    def __init__(self, checkpoints: Checkpoints | None, digest: bytes) -> None:
        self._checkpoints, self._digest = checkpoints, digest
        data = None if checkpoints is None else checkpoints.load()
        self._kept = None if data is None else decode_state(data, digest)

    @property
    def kept_plan(self) -> str | None:
        """The memory plan of an earlier attempt, the only one to go on with; None if there is none."""
        return None if self._kept is None else self._kept.plan

    @property
    def refining(self) -> ClipState | None:
        """Where the refiner of an earlier attempt stood, None if none was at work."""
        return None if self._kept is None or self._kept.refining is None else self._kept

    def begin(self, plan: str) -> ClipState | None:
        """Where an earlier attempt with this memory plan stood; None to begin anew."""
        return self._kept if self.kept_plan == plan else None

    def keep(self, state: ClipState) -> None:
        """Save the state if that is due; what Checkpoints.save raises passes through."""
        if self._checkpoints is not None and self._checkpoints.due():
            self._checkpoints.save(encode_state(state, self._digest))
