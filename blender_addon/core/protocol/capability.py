"""What an engine can do, as the server tells its clients and the panel shows it."""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

from .engine_facts import EngineFacts, EnginePace

SettingValue = bool | int | float | str
"""The value of an engine's option."""


DEPTH_MODE, CHECK_MODE = "depth", "check"
"""Entries of `modes` that mark an engine which makes no clips, see EngineKind."""


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
    """One option of an engine, with what a panel needs to show it.

    Attributes:
        name: its key in ShotSettings.options.
        label: its title.
        description: its tooltip.
        kind: the type of its value.
        default: the value that is used without one.
        minimum: None for no limit.
        maximum: None for no limit.
        choices: the values of a "choice".
        choice_notes: what to know of each of them, "" for nothing. Unset, it is not written: servers of before do not
            say it.
        unsaid: what shots mean that do not say it, where that is not the default: they were stored before the engine
            had the option. Unset, it is not written, and they mean the default.
    """

    name: str
    label: str
    description: str
    kind: Literal["bool", "int", "float", "choice"]
    default: SettingValue
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    choice_notes: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    unsaid: SettingValue | msgspec.UnsetType = msgspec.UNSET

    def note_of(self, choice: SettingValue) -> str:
        """What to know of a choice, "" for nothing."""
        notes = () if self.choice_notes is msgspec.UNSET else self.choice_notes
        return dict(zip(self.choices, notes, strict=False)).get(str(choice), "")

    @property
    def meant(self) -> SettingValue:
        """The value of shots that do not say it."""
        return self.default if self.unsaid is msgspec.UNSET else self.unsaid


class PredictorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an artist should know of a depth predictor before choosing it.

    Attributes:
        scenes: what it was trained for: "indoors", "outdoors", or "any".
        size: of the network, "Small", "Base" or "Large"; "" where it comes in one size.
        licence: of its weights, in words.
        commercial: whether that allows commercial use.
        download_bytes: size of its weights.
        downloaded: whether they are on the server already.
        install: a command that installs what the server lacks to run it, for a terminal there; "" when it lacks
            nothing.
        install_bytes: what that command downloads, about; 0 where it is not known.
    """

    scenes: str
    size: str
    licence: str
    commercial: bool
    download_bytes: int
    downloaded: bool
    install: str = ""
    install_bytes: int = 0


class EngineCapability(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do on this server now.

    Attributes:
        name: the engine's id.
        label: its title.
        description: one sentence about it.
        modes: what it can make, INTERPOLATION_MODE, DEPTH_MODE and CHECK_MODE among them.
        draft: whether its clips are no final pictures.
        reads_prompt: whether the prompts matter to it.
        needs_gpu: whether it is made for a GPU.
        needs_weights: whether it needs a network's weights.
        licence: of the weights it uses, "" without any.
        unavailable: why it cannot run, "" when it can.
        notice: why it is slower here than it could be, and what to do, a command in backticks. Unset for nothing:
            then it is not written, and servers of before do not say it.
        options: what can be set for this engine alone.
        predictor: of a depth predictor, what to know before choosing it. Unset, it is not written: servers of before
            do not say it.
        about: of an engine of clips, what to know before choosing it. Unset as `predictor`.
        pace: of an engine of clips, how long it took lately. The server sets it; unset where no job tells.
    """

    name: str
    label: str
    description: str
    sizes: tuple[tuple[int, int], ...]
    """The (width, height) it can make; the first is the default."""
    frame_counts: tuple[int, ...]
    """The frame counts it can make; the first is the default."""
    modes: tuple[str, ...] = ("basic",)
    draft: bool = False
    reads_prompt: bool = True
    needs_gpu: bool = False
    needs_weights: bool = False
    licence: str = ""
    unavailable: str = ""
    notice: str | msgspec.UnsetType = msgspec.UNSET
    checkpoint_share: float = 0.0
    """Bytes of the largest checkpoint it keeps of a shot, as a share of the payload's: admission reserves
    disk by it.
    """
    options: tuple[EngineOption, ...] = ()
    predictor: PredictorFacts | msgspec.UnsetType = msgspec.UNSET
    about: EngineFacts | msgspec.UnsetType = msgspec.UNSET
    pace: EnginePace | msgspec.UnsetType = msgspec.UNSET

    @property
    def kind(self) -> EngineKind:
        """What the engine makes, by its modes."""
        if DEPTH_MODE in self.modes:
            return EngineKind.DEPTH
        return EngineKind.CHECK if CHECK_MODE in self.modes else EngineKind.CLIP

    @property
    def state(self) -> str:
        """Whether it can run, in words, with its notice."""
        return self.unavailable or (f"ready. {self.notice}" if self.notice else "ready")

    @property
    def facts(self) -> PredictorFacts | None:
        """`predictor`; None where the server does not say it."""
        return None if self.predictor is msgspec.UNSET else self.predictor
