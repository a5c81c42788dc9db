"""What an engine can do, as the server tells its clients and the panel draws it."""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

SettingValue = bool | int | float | str


DEPTH_MODE, CHECK_MODE = "depth", "check"
"""Modes of engines that make no clips, by which the wire tells them: see EngineKind."""


class EngineKind(enum.Enum):
    """What an engine makes."""

    CLIP = enum.auto()
    DEPTH = enum.auto()
    """A photo's depth and lens."""
    CHECK = enum.auto()
    """The camera that a clip shows."""


INTERPOLATION_MODE: Final = "interpolation"
"""The mode of engines that end a clip at the shot's last image."""


class EngineOption(msgspec.Struct, frozen=True, kw_only=True):
    """One option of an engine, with what the panel needs to draw it."""

    name: str
    label: str
    description: str
    kind: Literal["bool", "int", "float", "choice"]
    default: SettingValue
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class EngineCapability(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do here and now; `unavailable` says why it cannot run ("" when it can)."""

    name: str
    label: str
    description: str
    sizes: tuple[tuple[int, int], ...]
    """(width, height) it can make; the first is the default."""
    frame_counts: tuple[int, ...]
    """Frame counts it can make; the first is the default."""
    modes: tuple[str, ...] = ("basic",)
    draft: bool = False
    reads_prompt: bool = True
    needs_gpu: bool = False
    needs_weights: bool = False
    licence: str = ""
    unavailable: str = ""
    checkpoint_share: float = 0.0
    """Bytes of the largest checkpoint that it keeps of a shot, as a share of the shot file's: for the disk's sake."""
    options: tuple[EngineOption, ...] = ()

    @property
    def kind(self) -> EngineKind:
        """What it makes, as its modes tell."""
        if DEPTH_MODE in self.modes:
            return EngineKind.DEPTH
        return EngineKind.CHECK if CHECK_MODE in self.modes else EngineKind.CLIP
