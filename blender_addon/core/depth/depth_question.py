"""Doubts about what a depth file's numbers mean: asked, with the answers that are likely, instead of guessed.

A picture of 8 bits or in colours never holds metres. Of other files the numbers themselves give hints: which range
they fill, what divides them, how much is known, and how far away everything would be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32
from ..errors import PhotoError
from .depth_facts import DepthFacts, depth_facts, metres
from .depth_format import DEPTH_UNITS, NEAR_ENDS, DepthFormat
from .depth_numbers import to_metres

FARTHEST_MEDIAN = 200.0
"""Metres; a median depth above this is probably in another unit."""
NEAREST_SCENE = 0.3
"""Metres; a photo whose whole scene is nearer than this is rare, and a wrong unit is not."""
SPARSE = 0.4
"""Share of known pixels below which whole numbers are probably a car's LiDAR, whose unit is seldom millimetres."""
TELLING = 0.99
"""Share of the numbers that have to show a trait of another unit."""
FEW = 32
"""Different numbers from which their divisors say anything."""
INSIDE_OUT = 2.0
"""A picture whose bottom quarter is this many times as far as its top is probably inverse depth: floors are near."""

MOST_CHANNELS = 12
"""Of a file's arrays or channels are offered as answers; any can be typed."""

_CHANNEL_REMEDY = "Name it: in Blender as Channel under Depth, on the command line with --depth-channel."
_RELATIVE_REMEDY = (
    "Say whether near is bright or dark; how far the nearest and the farthest thing are may be a guess. In Blender "
    "under Depth, to be set right by Calibrate Depth once it is imported; on the command line --relative "
    "bright,NEAREST,FARTHEST (metres), or `realcam depth calibrate` first."
)
_UNIT_REMEDY = (
    "Say which, in Blender as the Unit under Depth, on the command line with --depth-unit or --depth-scale. If it is "
    "as it reads now, turn on Trust the Unit (--trust-unit)."
)


@dataclass(frozen=True, eq=False)
class StoredDepth:
    """A depth file's numbers before anything is decided about them.

    Attributes:
        numbers: [h, w] in the file's own type; of a picture in colours 0 to 1, along its colour scale.
        colours: name of the colour scale, "" for a file of numbers.
        name: of the array or channel, "" where the file has no names.
    """

    numbers: NDArray[Any]
    colours: str = ""
    name: str = ""

    @property
    def whole_numbers(self) -> bool:
        """Whether the file holds integers."""
        return self.numbers.dtype.kind in "iu"

    @property
    def bits(self) -> int:
        """Of each number in the file's own type."""
        return self.numbers.dtype.itemsize * 8


class DepthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a question about a depth file.

    Attributes:
        name: identifies it among the question's answers.
        title: on its button.
        description: its tooltip.
        format: what the numbers mean then; a relative one still lacks its nearest and farthest distance.
        trust: whether the unit is to be trusted.
    """

    name: str
    title: str
    description: str
    format: DepthFormat
    trust: bool = False


class DepthQuestionError(PhotoError):
    """What a depth file's numbers mean is not certain.

    Args:
        what: as every RealCamError has it.
        why: the same.
        remedy: the same; names where to answer, in Blender and on the command line.
        answers: what the numbers may mean, the likeliest first.
    """

    def __init__(self, what: str, why: str, remedy: str, answers: tuple[DepthAnswer, ...]) -> None:
        self.answers = answers
        super().__init__(what, why, remedy)

    def keeping(self, given: DepthFormat) -> DepthQuestionError:
        """The same question for which channel is meant, with answers that keep what else is known of the numbers."""
        kept = [
            msgspec.structs.replace(answer, format=msgspec.structs.replace(given, channel=answer.format.channel))
            for answer in self.answers
        ]
        return DepthQuestionError(self.what, self.why, self.remedy, tuple(kept))


def which_channel(kind: str, why: str, names: Sequence[str]) -> DepthQuestionError:
    """The question which of a file's arrays or channels is the depth.

    Args:
        kind: what the file has several of: "array" or "channel".
        why: what it holds.
        names: of the arrays or channels, the likeliest first.
    """
    answers = tuple(
        DepthAnswer(
            name=name,
            title=name,
            description=f"The depth is the {kind} of this name",
            format=DepthFormat(channel=name),
        )
        for name in names[:MOST_CHANNELS]
    )
    return DepthQuestionError(f"It is not certain which {kind} is the depth", why, _CHANNEL_REMEDY, answers)


def check_meaning(stored: StoredDepth, depth_format: DepthFormat, *, trust_unit: bool = False) -> None:
    """Ask where it is not certain what a file's numbers mean.

    Args:
        stored: the numbers.
        depth_format: what is said of them. A unit or another kind than depth that is given is believed.
        trust_unit: believe the unit in any case. A picture of 8 bits or in colours has none.

    Raises:
        DepthQuestionError: it is not certain.
    """
    if depth_format.kind == "relative":
        return
    if stored.colours:
        raise _relative(f"it is painted with the colour scale “{stored.colours}”", stored, depth_format)
    if depth_format.kind == "disparity" or depth_format.scale is not None:
        return
    if stored.whole_numbers and stored.bits <= 8:
        raise _relative("it has 8 bits, 256 steps from near to far", stored, depth_format)
    if trust_unit:
        return
    known = _known(stored)
    if known.size == 0:
        return
    if fills := _fills_a_range(known, stored):
        raise _relative(fills, stored, depth_format, keep=True)
    if any(word in stored.name.lower() for word in ("disp", "inv")):
        raise _disparity(stored, depth_format)
    if "worlddepth" in re.sub("[^a-z]", "", stored.name.lower()):
        why = "its channel is Unreal Engine's WorldDepth, which counts centimetres"
        raise _unit(why, "cm", stored, depth_format, what="The depth is probably not in metres")
    why, suspected = _another_unit(known, stored)
    if why:
        raise _unit(why, suspected, stored, depth_format)
    if not _says_depth(stored.name) and _is_inside_out(stored):
        raise _relative("its bottom is farther away than its top, as inverse depth reads", stored, depth_format, True)


def says_metres(stored: StoredDepth) -> bool:
    """Whether a file's numbers look like a length in some unit, rather than like relative depth or disparity."""
    try:
        check_meaning(stored, DepthFormat())
    except DepthQuestionError as question:
        return question.answers[0].format.kind == "depth"
    return True


def high_at_the_bottom(numbers: NDArray[Any]) -> bool:
    """Whether a picture's numbers [h, w] are higher at its bottom, where floors are near, than at its top.

    Of the rows in which any is known: sky may have none.
    """
    rows = numbers[np.isfinite(numbers).any(axis=1)]
    if not len(rows):
        return False
    quarter = max(1, len(rows) // 4)
    top, bottom = (part[np.isfinite(part)].mean() for part in (rows[:quarter], rows[-quarter:]))
    return bool(bottom >= top)


def check_reach(depth: Float32, stored: StoredDepth, depth_format: DepthFormat) -> None:
    """Ask where everything would be nearer or farther than photos show it.

    Args:
        depth: [h, w] metres along z, NaN where unknown.
        stored: the numbers that it was made of.
        depth_format: what they mean.

    Raises:
        DepthQuestionError: the whole scene is nearer than NEAREST_SCENE, or its median beyond FARTHEST_MEDIAN.
    """
    facts = depth_facts(depth)
    if facts is None or depth_format.kind == "relative":
        return
    suspected = ""
    if facts.farthest < NEAREST_SCENE:
        why = f"everything is nearer than {metres(facts.farthest)} m"
    elif facts.middle > FARTHEST_MEDIAN:
        why, suspected = f"half of the picture is beyond {metres(facts.middle)} m", "mm"
    else:
        return
    if depth_format.kind == "disparity":
        keep = _keep(stored, depth_format)
        raise DepthQuestionError("The depth does not look like metres", why, _UNIT_REMEDY, (keep,))
    raise _unit(why, suspected, stored, depth_format, what="The depth does not look like metres")


def _known(stored: StoredDepth) -> NDArray[Any]:
    numbers = stored.numbers
    return numbers[numbers > 0] if stored.whole_numbers else numbers[np.isfinite(numbers)]


def _fills_a_range(known: NDArray[Any], stored: StoredDepth) -> str:
    """Why the numbers look as if they had been brought to a range, "" if they do not."""
    if known.size < FEW:
        return ""
    lowest, highest = float(known.min()), float(known.max())
    if stored.whole_numbers and stored.bits == 16 and stored.numbers.dtype.kind == "u":
        # 65535 alone, far above all else, is a sensor's "no reading" and no end of a range.
        second = float(known[known < highest].max(initial=0))
        if highest == 65535 and second > 65000:
            return "its numbers fill the whole range of 16 bits, as depth that was brought to that range"
        if highest > 255 and any(np.mean(known % step == 0) > TELLING for step in (256, 257)) and _many(known):
            return "it has 16 bits, but only the 256 steps of an 8-bit picture"
    if not stored.whole_numbers and 0 <= lowest <= 0.02 and 0.98 <= highest <= 1.0:
        return "its numbers run from 0 to 1"
    if not stored.whole_numbers and 0 <= lowest <= 5 and 250 <= highest <= 255 and bool(np.all(known % 1 == 0)):
        return "its numbers are the 256 steps of an 8-bit picture"
    return ""


def _another_unit(known: NDArray[Any], stored: StoredDepth) -> tuple[str, str]:
    """Why whole numbers look like another unit than millimetres, and which; "" and "" if they do not."""
    if not stored.whole_numbers or not _many(known):
        return "", ""
    if stored.bits == 16 and np.mean(known.astype(np.int64) & 7 <= 1) > TELLING:
        return "its numbers are multiples of 8, as SUN3D's rotated bits make them", "sun3d"
    if np.mean(known % 5 == 0) > TELLING:
        return "its numbers are multiples of 5, as a unit of 1/5000 m makes them", "tum"
    share = known.size / stored.numbers.size
    if share < SPARSE:
        return f"only {share:.0%} of its pixels have depth, as a car's LiDAR, which seldom counts in mm", "kitti"
    return "", ""


def _says_depth(name: str) -> bool:
    # Depth networks call their inverse depth Z alone.
    return "depth" in name.lower() or name.lower().endswith(".z")


def _many(known: NDArray[Any]) -> bool:
    return len(np.unique(known[:: max(1, known.size // 50_000)])) >= FEW


def _is_inside_out(stored: StoredDepth) -> bool:
    rows = stored.numbers.shape[0] // 4
    top, bottom = (
        part[np.isfinite(part) & (part > 0)]
        for part in (stored.numbers[:rows].astype(np.float64), stored.numbers[-rows:].astype(np.float64))
    )
    enough = rows * stored.numbers.shape[1] / 2
    if rows == 0 or min(top.size, bottom.size) < enough:
        return False
    return float(np.median(bottom)) > INSIDE_OUT * float(np.median(top))


def _relative(why: str, stored: StoredDepth, given: DepthFormat, keep: bool = False) -> DepthQuestionError:
    what = "The depth picture tells what is nearer, but no metres"
    answers = _relative_answers(stored, given) + ((_keep(stored, given),) if keep else ())
    remedy = _RELATIVE_REMEDY
    if keep:
        remedy += f" If it does hold metres ({_reach(stored, given)}), turn on Trust the Unit (--trust-unit)."
    return DepthQuestionError(what, why, remedy, answers)


def _disparity(stored: StoredDepth, given: DepthFormat) -> DepthQuestionError:
    stereo = DepthAnswer(
        name="disparity",
        title="Disparity of a Stereo Pair",
        description="Shift in pixels between two pictures; needs the stereo camera's focal length and baseline",
        format=msgspec.structs.replace(given, kind="disparity"),
    )
    return DepthQuestionError(
        "The file seems to hold disparity or inverse depth, not depth",
        f"its array is called “{stored.name}”",
        f"For a stereo pair give its numbers (--disparity FOCAL,BASELINE). {_RELATIVE_REMEDY}",
        (stereo, *_relative_answers(stored, given), _keep(stored, given)),
    )


def _unit(
    why: str,
    suspected: str,
    stored: StoredDepth,
    given: DepthFormat,
    what: str = "The depth is probably not in millimetres",
) -> DepthQuestionError:
    """The question for the unit; the suspected one, a name of DEPTH_UNITS, stands first, or what was given."""
    keep = _keep(stored, given)
    answers = [keep, *(answer for unit in DEPTH_UNITS if (answer := _unit_answer(unit, stored, given)))]
    # Rotated bits leave traces; without them they are no choice.
    answers = [answer for answer in answers if answer.name != "sun3d" or suspected == "sun3d"]
    answers.sort(key=lambda answer: answer.name != suspected)
    readings = "; ".join(answer.title for answer in answers)
    remedy = f"It may be: {readings}. {_UNIT_REMEDY}"
    return DepthQuestionError(what, why, remedy, (*answers, *_relative_answers(stored, given)))


def _unit_answer(name: str, stored: StoredDepth, given: DepthFormat) -> DepthAnswer | None:
    """The answer that the numbers are in a unit; None when that makes no scene, or the same as they read now."""
    unit = DEPTH_UNITS[name]
    unit_format = msgspec.structs.replace(given, scale=unit.scale, rotated=unit.rotated)
    facts = _facts(stored, unit_format)
    if facts is None or facts.farthest < NEAREST_SCENE or facts.middle > FARTHEST_MEDIAN:
        return None
    if facts.reach == _reach(stored, given):
        return None
    title = f"{unit.title}: {facts.reach}"
    return DepthAnswer(name=name, title=title, description=unit.description, format=unit_format, trust=True)


def _relative_answers(stored: StoredDepth, given: DepthFormat) -> tuple[DepthAnswer, ...]:
    """The end that is at the picture's bottom first: floors are near."""
    rises = high_at_the_bottom(stored.numbers)
    return tuple(
        DepthAnswer(
            name=f"near_{near}",
            title=f"Near Is {title}",
            description=f"Relative depth. {description}",
            format=DepthFormat(kind="relative", near=near, channel=given.channel, unknown=given.unknown),
        )
        for near, title, description in (NEAR_ENDS if rises else NEAR_ENDS[::-1])
    )


def _keep(stored: StoredDepth, given: DepthFormat) -> DepthAnswer:
    return DepthAnswer(
        name="keep",
        title=f"It Is Right: {_reach(stored, given)}",
        description="The distances are what the file says",
        format=given,
        trust=True,
    )


def _facts(stored: StoredDepth, depth_format: DepthFormat) -> DepthFacts | None:
    step = max(1, int(np.sqrt(stored.numbers.size / 100_000)))
    few = stored.numbers[::step, ::step]
    return depth_facts(to_metres(few, depth_format, whole_numbers=stored.whole_numbers))


def _reach(stored: StoredDepth, depth_format: DepthFormat) -> str:
    facts = _facts(stored, depth_format)
    return "unknown" if facts is None else facts.reach
