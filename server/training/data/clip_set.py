"""Clips of a data set that can be trained on, and why the others cannot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from blender_addon.core.errors import CameraError, PhotoError, RealCamError
from server.datasets.align import RecordError
from server.datasets.clip_frames import ClipError

from .posed_clips import TrainingClip
from .suspicions import suspected_convention

NAMED = 3
"""Clips of a reason that are named where all are counted."""


class DataError(RealCamError):
    """A data set that cannot be trained on."""


UNUSABLE: tuple[tuple[type[RealCamError], str], ...] = (
    (CameraError, "cameras that cannot be used"),
    (ClipError, "frames that cannot be used"),
    (PhotoError, "a depth that cannot be used"),
    (RecordError, "a record that cannot be used"),
)
"""What of a clip cannot be used, by the error of who reads it."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a clip gave.

    Attributes:
        reason: why it cannot be trained on, in words that are alike for all of one kind; "" when it can.
        detail: what was found, in words.
        suspected: what looks wrong with a clip that can, likewise; "" for nothing.
    """

    reason: str = ""
    detail: str = ""
    suspected: str = ""


FINE = Verdict()
"""The verdict on a clip with which nothing is wrong."""


def fault(error: RealCamError) -> Verdict:
    """The verdict on a clip of which a file cannot be read or used: it is left out, and the others are trained on."""
    reason = next((words for kind, words in UNUSABLE if isinstance(error, kind)), "a file that cannot be used")
    return Verdict(reason=reason, detail=error.sentence)


@dataclass(frozen=True, eq=False)
class ClipSet:
    """The clips that can be trained on, a PosedClips.

    Attributes:
        clips: in the order of their names.
        left_out: reason -> the clips that were left out for it: their names, some with what was found.
        suspected: reason -> clips that are trained on although something looks wrong with them.
    """

    clips: tuple[TrainingClip, ...]
    left_out: Mapping[str, tuple[str, ...]]
    suspected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    def __getitem__(self, index: int) -> TrainingClip:
        """The clip at an index."""
        return self.clips[index]

    @property
    def refused(self) -> dict[str, int]:
        """Reason -> number of clips that were left out for it."""
        return {reason: len(names) for reason, names in self.left_out.items()}


def sorted_out(
    found: Iterable[tuple[TrainingClip, Verdict]], left_out: Mapping[str, Sequence[str]], where: str
) -> ClipSet:
    """The set of these clips.

    Args:
        found: clips and the verdicts on them, in order.
        left_out: reason -> clips that are left out without a look.
        where: the data set, for the error.

    Raises:
        DataError: no clip is left.
    """
    gone = defaultdict[str, list[str]](list, {reason: list(names) for reason, names in left_out.items() if names})
    suspected = defaultdict[str, list[str]](list)
    clips = []
    for clip, verdict in found:
        if verdict.reason:
            gone[verdict.reason].append(f"{clip.name}: {verdict.detail}" if verdict.detail else clip.name)
            continue
        if verdict.suspected:
            suspected[verdict.suspected].append(clip.name)
        clips.append(clip)
    made = ClipSet(
        tuple(clips),
        {reason: tuple(names) for reason, names in gone.items()},
        {reason: tuple(names) for reason, names in suspected.items()},
    )
    if not clips:
        said = ", ".join(f"{count}: {reason}" for reason, count in made.refused.items()) or "there are none"
        raise DataError("No clip can be trained on", f"{where}: {said}")
    return made


def report(clips: ClipSet, all_names: bool = False) -> Iterator[str]:
    """Lines that say how many clips there are, and which are left out or suspected, by reason.

    The frames of some clips are looked at, see `suspected_convention`.

    Args:
        clips: the set.
        all_names: name every clip, not the first few of each reason.
    """
    yield f"{len(clips)} clips; left out: {sum(clips.refused.values())}"
    for title, reasons in (("", clips.left_out), ("suspected, and trained on: ", clips.suspected)):
        for reason, names in reasons.items():
            shown = names if all_names else names[:NAMED]
            more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
            yield f"  {title}{len(names)}: {reason} ({', '.join(shown)}{more})"
    convention, names = suspected_convention(clips.clips)
    if convention:
        fit = f"the frames of {', '.join(names)} fit that better"
        yield f"  suspected of the whole set: its poses hold {convention}; {fit}"
