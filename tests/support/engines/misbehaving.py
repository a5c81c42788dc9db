"""Real engines that behave badly on purpose: `realcam serve --engines tests.support.engines.misbehaving:engines`."""

from __future__ import annotations

import errno
import faulthandler
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import INTERPOLATION_MODE, EngineCapability
from server.engines.engine import Checkpoints, Engine, EngineNeeds


class CopyEngine:
    """The preview as it came, one step a frame, with a pause in each: `options["pause"]` seconds.

    `options["until"]`: a path. The third step, after two were reported, waits until something is there, so that what
    a test does in the middle of a job happens there however slow the machine is.
    """

    name = "copy"

    @property
    def capability(self) -> EngineCapability:
        return EngineCapability(
            name=self.name, label=self.name, description="for tests", sizes=((64, 40),), frame_counts=(4,)
        )

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        frames = np.zeros((*shot.preview.shape[:3], 3), dtype=np.uint8)
        for index, picture in enumerate(shot.preview):
            self.step(shot, index)
            frames[index] = picture[..., :3]
            report(JobProgress(index + 1, len(shot.preview), "copying", frames[index]))
        return self.clip(shot, frames)

    def clip(self, shot: Shot, frames: np.ndarray) -> Clip:
        return Clip(frames, ClipMetadata.of(shot, engine=self.name, engine_version="1"))

    def step(self, shot: Shot, index: int) -> None:
        until = shot.settings.options.get("until")
        while index == 2 and until and not Path(str(until)).exists():
            time.sleep(0.01)
        time.sleep(float(shot.settings.options.get("pause", 0.0)))


class CrashEngine(CopyEngine):
    """Crashes the process with a real segmentation fault at its second step."""

    name = "crash"

    def step(self, shot: Shot, index: int) -> None:
        if index == 1:
            faulthandler._sigsegv()


class HangEngine(CopyEngine):
    """Never reports again after its first step."""

    name = "hang"

    def step(self, shot: Shot, index: int) -> None:
        while index == 1:
            time.sleep(1.0)


class RaiseEngine(CopyEngine):
    """Has a bug."""

    name = "bug"

    def step(self, shot: Shot, index: int) -> None:
        raise KeyError("what every engine has sometimes")


class FragileEngine(CopyEngine):
    """Has a bug that some shots bring out: those with `options["bug"]`."""

    name = "fragile"

    def step(self, shot: Shot, index: int) -> None:
        if shot.settings.options.get("bug"):
            raise KeyError("what this shot brings out")


class MemoryEngine(CopyEngine):
    """Asks for more memory than there is."""

    name = "memory"

    def step(self, shot: Shot, index: int) -> None:
        np.zeros(2**60, dtype=np.uint8)


class ThreadlessEngine(CopyEngine):
    """Finds no room for a thread, which FFmpeg says so."""

    name = "threadless"

    def step(self, shot: Shot, index: int) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


class RefuseEngine(CopyEngine):
    """Says no in words."""

    name = "refuse"

    def step(self, shot: Shot, index: int) -> None:
        raise EngineError("The shot is too dark", "mean 3 of 255", "Light it.")


class EndEngine(CopyEngine):
    """Ends at the last image: its first pixel fills the last frame."""

    name = "end"

    @property
    def capability(self) -> EngineCapability:
        return msgspec.structs.replace(super().capability, modes=("basic", INTERPOLATION_MODE))

    def clip(self, shot: Shot, frames: np.ndarray) -> Clip:
        if shot.last_image is not None:
            frames[-1] = shot.last_image[0, 0]
        return super().clip(shot, frames)


class ResumeEngine(CopyEngine):
    """A sampler: each frame is the next draw of one random stream. In its first attempt at a job it dies at the
    third of its steps, unless `options["die"]` is false."""

    name = "resume"

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        raise AssertionError("the worker must prefer generate_resumable")

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        random = np.random.default_rng(shot.settings.seed)
        shape = (*shot.preview.shape[1:3], 3)
        frames: list[np.ndarray] = []
        saved = checkpoints.load()
        if saved is not None:
            state, done = msgspec.json.decode(saved.split(b"\n", 1)[0], type=tuple[dict[str, Any], int])
            random.bit_generator.state = state
            pixels = np.frombuffer(saved.split(b"\n", 1)[1], dtype=np.uint8)
            frames = list(pixels.reshape(done, *shape))
        for index in range(len(frames), len(shot.preview)):
            self.step(shot, index)
            frames.append(random.integers(0, 255, shape, dtype=np.uint8))
            report(JobProgress(index + 1, len(shot.preview), "resumed" if saved else "fresh"))
            state_line = msgspec.json.encode((random.bit_generator.state, len(frames)))
            if checkpoints.due() or shot.settings.options.get("always"):
                checkpoints.save(state_line + b"\n" + np.stack(frames).tobytes())
            if index == 2 and saved is None and shot.settings.options.get("die"):
                psutil.Process().kill()
        return self.clip(shot, np.stack(frames))


def engines() -> dict[str, Callable[[], Engine]]:
    kinds = (CopyEngine, CrashEngine, HangEngine, RaiseEngine, FragileEngine, MemoryEngine, RefuseEngine, EndEngine)
    return {kind.name: kind for kind in (*kinds, ThreadlessEngine, ResumeEngine)}


class CardEngine(CopyEngine):
    """Runs nowhere but on a card."""

    name = "card"
    needs = EngineNeeds(cards=1, card_memory=8 * 2**30, without_card="never")


class PairEngine(CopyEngine):
    """Runs nowhere but where its process sees two cards."""

    name = "pair"
    needs = EngineNeeds(cards=2, card_memory=8 * 2**30, without_card="never")

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        cards = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        if len(cards.split(",")) != 2:
            raise EngineError("There are not two cards", f"its process sees {cards or 'all'}")
        return super().generate(shot, report)


class CardResumeEngine(ResumeEngine):
    """The sampler, nowhere but on a card."""

    name = "card-resume"
    needs = CardEngine.needs


def on_nodes() -> dict[str, Callable[[], Engine]]:
    """Those above, the product's own one, and those that need cards."""
    return {**engines(), **draft(), **{kind.name: kind for kind in (CardEngine, PairEngine, CardResumeEngine)}}


def draft() -> dict[str, Callable[[], Engine]]:
    """The product's own engine that needs no weights, alone."""
    from server.engines.draft.engine import DraftEngine

    return {"draft": DraftEngine}
