"""The branches of guidance computed on several devices at once, each with the whole network on it.

A step of the sampler asks for two to four outputs of the network for the same noisy latents, which do not depend on
each other. Each device has a copy of the UNet and of the pose encoder, and computes its share of the branches as one
device computes them all: one after the other, not in a batch. So cards of one kind make the same numbers as one card
does, and a clip begun on two may go on with one.

The copies are of one process, the engine's, with a thread for each device but the first. Between processes conditions,
cancels and errors would have to be passed on; here they are Python objects and exceptions. Threads are enough, since a
network's operations are only launched from Python, and they run without the interpreter's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from server.diffusion.sampler import Branch, Denoiser
from server.model.model import RealCamModel, fill
from server.model.unet.compile_options import many_forms
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.unet import UNet

OnWork = Callable[[], None]
"""Called after each block of the network; what it raises ends the sampling."""
BoundTo = Callable[[RealCamModel, OnWork], Denoiser]
"""Binds the conditions of a segment to a model, on its device."""


def replicated(model: RealCamModel, device: torch.device) -> RealCamModel:
    """The model with copies of its UNet and pose encoder on another device.

    The parts that are asked once for a segment, which read words and pictures, are the model's own, on its device.

    Args:
        model: neither packed, compiled nor offloaded.
        device: of the copies.
    """
    with torch.device("meta"):
        unet, pose_encoder = UNet(model.config.unet), PoseEncoder(model.config.pose_encoder)
    for copy, original in ((unet, model.unet), (pose_encoder, model.pose_encoder)):
        fill(copy, {name: t.to(device, copy=True) for name, t in original.state_dict().items()}, device, model.dtype)
        copy.eval().requires_grad_(False)
    return replace(model, unet=unet, pose_encoder=pose_encoder, device=device)


@contextmanager
def spread(bound: BoundTo, models: Sequence[RealCamModel], on_work: OnWork) -> Iterator[Denoiser]:
    """A denoiser that computes its branches on the devices of all models at once.

    Args:
        bound: binds the conditions to each of the models.
        models: the first is that of the calling thread, which is alone in calling `on_work`.
        on_work: called after each block that the first computes; what it raises ends what all of them compute.
    """
    first, others = models[0], models[1:]
    if not others:
        yield bound(first, on_work)
        return
    ended = threading.Event()

    def go_on() -> None:
        if ended.is_set():
            raise _EndedError

    # What torch.compile may keep is of the thread that sets it.
    begin = many_forms if any(model.device.type == "cuda" for model in others) else None
    with ThreadPoolExecutor(len(others), "branches", begin) as threads:
        try:
            devices = [(model.device, bound(model, go_on)) for model in others]
            yield _SpreadDenoiser(bound(first, on_work), devices, threads)
        finally:
            ended.set()


class _EndedError(Exception):
    """The sampling has ended: what other devices compute is wanted no longer."""


class _SpreadDenoiser:
    """A Denoiser of several, see `spread`.

    Args:
        first: computed by the thread that calls.
        others: with their devices.
        threads: one for each of the others.
    """

    def __init__(
        self, first: Denoiser, others: Sequence[tuple[torch.device, Denoiser]], threads: ThreadPoolExecutor
    ) -> None:
        self._first, self._others, self._threads = first, others, threads
        self._called = False

    def __call__(self, latent: Tensor, timestep: int, branches: Sequence[Branch]) -> list[Tensor]:
        """The outputs for the branches asked for, which are dealt out to the devices in turn, see Denoiser."""
        count = 1 + len(self._others)
        shares = [branches[number::count] for number in range(count)]
        made: list[Future[list[Tensor]]] = []
        for (device, denoise), share in zip(self._others, shares[1:], strict=True):
            made.append(self._threads.submit(_computed, device, denoise, latent, timestep, share))
            if not self._called:
                # What is compiled for a segment is compiled in its first step, and torch.compile is not made for two
                # threads that trace at once.
                made[-1].result()
        self._called = True
        outputs = [list(self._first(latent, timestep, shares[0])), *(future.result() for future in made)]
        return [outputs[number % count][number // count] for number in range(len(branches))]


def _computed(
    device: torch.device, denoise: Denoiser, latent: Tensor, timestep: int, branches: Sequence[Branch]
) -> list[Tensor]:
    """A device's share of the branches, computed there by a thread of its own, on the device of the latents."""
    # Both are of the thread that sets them.
    with torch.inference_mode(), torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        if not branches:
            return []
        return [output.to(latent.device) for output in denoise(latent.to(device), timestep, branches)]
