"""What an artist should know of an engine before choosing it: what it reads, licences, weights, memory, time.

Words that a later server may add to are plain strings here, so that an earlier client still reads its answer.
"""

from __future__ import annotations

from typing import Final

import msgspec

CAMERA: Final = "camera"
"""An entry of `reads`: the camera's poses themselves, also where the preview shows nothing."""
LENS: Final = "lens"
"""The lens of each frame, also where the preview shows nothing."""
PREVIEW: Final = "preview"
"""The preview, in which the photo is seen along the camera's way."""
PHOTO: Final = "photo"
"""The photo itself."""

YES, CONDITIONS, NOT_CLEAR, NO = "yes", "with conditions", "not clear", "no"
"""Answers to whether a licence allows commercial use."""
_WORST_FIRST = (NO, NOT_CLEAR, CONDITIONS, YES)


class PartLicence(msgspec.Struct, frozen=True, kw_only=True):
    """The licence of one part of an engine's weights.

    Attributes:
        part: what it is, for people.
        licence: name of the text.
        commercial: whether that allows commercial use: YES, CONDITIONS, NOT_CLEAR or NO.
        why: by what text that is so, or what is not clear; "" where there is nothing to say.
    """

    part: str
    licence: str
    commercial: str
    why: str = ""


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """The memory that an engine's smallest clip takes, and what the server has of that kind.

    Attributes:
        on_card: whether it is the graphics card's, else the machine's.
        least: bytes that it takes, about.
        there: bytes that the server has; 0 where that is not known.
        enough: whether they are enough, in any way of using them that the engine has.
    """

    on_card: bool
    least: int
    there: int = 0
    enough: bool = True


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine does with a shot that does not begin where the photo was taken.

    Attributes:
        walk: (metres, degrees) a frame at which it walks there from the photo, in frames that are cut off again; None
            where it begins there at once.
        first_seen: the share of the first frame that the preview must show, 0 to 1.
        scale_option: name of the engine's option whose value multiplies the shot's distances first; "" for none.
    """

    walk: tuple[float, float] | None = None
    first_seen: float = 0.0
    scale_option: str = ""


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an artist should know of an engine before choosing it.

    Attributes:
        reads: what it reads of a shot beside words and last image: CAMERA, LENS, PREVIEW and PHOTO.
        licences: of its weights' parts; empty without weights.
        weights_bytes: size of the weights that every clip needs; 0 where it is not known or there are none.
        weights_here: whether all of them are on the server.
        get_weights: a command that gets those that are not, for a terminal on the server; "" where there is none.
        memory: None where it matters for no clip, or is not known.
        own_size: (width, height) of the one size that it makes, from which each clip is scaled; None where it makes
            those that it is asked for.
        prompt_tokens: tokens of a prompt that it reads; 0 where that is not known.
        beginning: None where it does not matter whether a shot begins at the photo, or is not known.
    """

    reads: tuple[str, ...] = ()
    licences: tuple[PartLicence, ...] = ()
    weights_bytes: int = 0
    weights_here: bool = True
    get_weights: str = ""
    memory: MemoryNeed | None = None
    own_size: tuple[int, int] | None = None
    prompt_tokens: int = 0
    beginning: Beginning | None = None

    def made_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that a clip is made at.

        Args:
            size: (width, height) that is asked for, pixels.
        """
        return self.own_size or size

    @property
    def commercial(self) -> str:
        """Whether clips may be used commercially: what the part says that allows least."""
        said = {part.commercial for part in self.licences}
        return next((answer for answer in _WORST_FIRST if answer in said), NOT_CLEAR if said else YES)


class EnginePace(msgspec.Struct, frozen=True, kw_only=True):
    """How long an engine took on this server lately.

    Attributes:
        seconds: for a million pixels of a clip, all its frames together; the median of `jobs` jobs.
        jobs: how many jobs that was taken from, at least one.
    """

    seconds: float
    jobs: int

    def of(self, size: tuple[int, int], frames: int) -> float:
        """The seconds that a clip would take.

        Args:
            size: (width, height) in pixels.
            frames: frame count.
        """
        return self.seconds * size[0] * size[1] * frames / 1e6
