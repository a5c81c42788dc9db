"""Engines side by side, by what the server says of them: what of a shot each would lose, and what it takes, in words.

The same sentences in the panel and the terminal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ..camera.beginning import at_the_photo, lead_in_frames
from .capability import INTERPOLATION_MODE, EngineCapability, SettingValue
from .engine_facts import CAMERA, LENS, PHOTO, PREVIEW, Beginning, EngineFacts, PartLicence

GB = 2**30
"""Bytes in the unit that the sentences call GB of memory."""
LETTERS_A_TOKEN = 4
"""Of English, about."""


@dataclass(frozen=True)
class ShotTraits:
    """What of a shot decides which engine loses something of it.

    Attributes:
        size: (width, height) of the clip in pixels.
        frames: its frame count.
        words: whether there is a prompt.
        last_image: whether the clip shall end at a last image.
        zooms: whether the lens changes within the shot.
        seen: the share of the frame that the photo sees least of, 0 to 1; None where that was not measured.
        first_seen: the share of the first frame that the photo sees, likewise.
        away: (metres, degrees) of its first camera from the photo's; None where that is not known.
        prompt_tokens: of its prompt, about, see `about_tokens`.
        options: values of engines' options by name, as far as facts on engines name them; others have no say here.
    """

    size: tuple[int, int]
    frames: int
    words: bool = False
    last_image: bool = False
    zooms: bool = False
    seen: float | None = None
    first_seen: float | None = None
    away: tuple[float, float] | None = None
    prompt_tokens: int = 0
    options: Mapping[str, SettingValue] = field(default_factory=dict)


def about_tokens(prompt: str) -> int:
    """How many tokens a prompt has, about: text encoders make one of some four letters, and one of a sign elsewhere.

    Args:
        prompt: the words.
    """
    plain = sum(letter.isascii() for letter in prompt)
    return math.ceil(plain / LETTERS_A_TOKEN) + len(prompt) - plain


def about(engine: EngineCapability) -> EngineFacts | None:
    """What the server says of an engine; None where it is of an earlier version, or the engine says nothing."""
    return None if engine.about is msgspec.UNSET else engine.about


def unmade(engine: EngineCapability, shot: ShotTraits) -> list[str]:
    """Why an engine would refuse a shot, in sentences; empty where it makes such clips."""
    said = []
    if shot.size not in engine.sizes:
        said.append(f"It makes no clips of {shot.size[0]} × {shot.size[1]}.")
    if shot.frames not in engine.frame_counts:
        said.append(f"It makes no clips of {shot.frames} frames.")
    return [*said, *refused(engine, shot)]


def refused(engine: EngineCapability, shot: ShotTraits) -> list[str]:
    """Why an engine that makes such clips would refuse a shot for where it begins, in sentences.

    Args:
        engine: the engine.
        shot: the shot.
    """
    facts = about(engine)
    begins = None if facts is None else facts.beginning
    if begins is None or shot.away is None or at_the_photo(shot.away):
        return []
    said, most = [], max(engine.frame_counts)
    if (more := _lead_in(begins, shot)) and more + shot.frames > most:
        said.append(
            f"It needs {more} frames to come from the photo to where the shot begins, and {shot.frames} for the shot: "
            f"it makes {most} at most."
        )
    if shot.first_seen is not None and shot.first_seen < begins.first_seen:
        said.append(
            f"It needs a first picture: the shot does not begin at the photo, and its first frame shows "
            f"{shot.first_seen:.0%} of it, not {begins.first_seen:.0%}."
        )
    return said


def lost(engine: EngineCapability, shot: ShotTraits) -> list[str]:
    """What of a shot would be lost on an engine that makes it, in sentences; empty where nothing would.

    Args:
        engine: the engine.
        shot: the shot.
    """
    said = []
    if shot.words and not engine.reads_prompt:
        said.append("It does not read the prompt.")
    if shot.last_image and INTERPOLATION_MODE not in engine.modes:
        said.append("It does not end at the last image.")
    facts = about(engine)
    if facts is None:
        return said
    if 0 < facts.prompt_tokens < shot.prompt_tokens:
        said.append(
            f"The prompt has about {shot.prompt_tokens} tokens; it reads {facts.prompt_tokens}, and leaves out the end."
        )
    return [*said, *_lost_of_the_camera(facts, shot), *_walked(engine, facts, shot)]


def _walked(engine: EngineCapability, facts: EngineFacts, shot: ShotTraits) -> list[str]:
    """What it makes before the shot begins, in a sentence; empty where that is nothing, or refused."""
    if facts.beginning is None or refused(engine, shot):
        return []
    more = _lead_in(facts.beginning, shot)
    return [f"It makes {more} frames more, from the photo to where the shot begins, and cuts them off."] if more else []


def _lead_in(begins: Beginning, shot: ShotTraits) -> int:
    """The frames that an engine makes from the photo to where the shot begins; 0 where that is not known."""
    if begins.walk is None or shot.away is None:
        return 0
    (metres, degrees), scale = shot.away, shot.options.get(begins.scale_option, 1.0)
    return lead_in_frames((metres * scale if isinstance(scale, float | int) else metres, degrees), begins.walk)


def _lost_of_the_camera(facts: EngineFacts, shot: ShotTraits) -> list[str]:
    unread = [*([] if CAMERA in facts.reads else ["the camera"]), *([] if LENS in facts.reads else ["the lens"])]
    if PREVIEW not in facts.reads:
        said = ["It does not read the preview: what the photo shows is painted anew."]
        return [*said, *([f"It does not read {' and '.join(unread)}."] if unread else [])]
    if not shot.zooms and "the lens" in unread:
        unread.remove("the lens")
    if not unread or (shot.seen is not None and shot.seen >= 1.0):
        return []
    much = "" if shot.seen is None else f", up to {1 - shot.seen:.0%} of a frame"
    return [f"It does not read {' and '.join(unread)} where the photo sees nothing{much}."]


def reads_words(engine: EngineCapability) -> str:
    """What an engine reads of a shot, as a list in words; "" where the server does not say."""
    facts = about(engine)
    if facts is None:
        return ""
    named = {PHOTO: "photo", PREVIEW: "preview", CAMERA: "camera", LENS: "lens"}
    read = [word for key, word in named.items() if key in facts.reads]
    read += ["words"] if engine.reads_prompt else []
    read += ["last image"] if INTERPOLATION_MODE in engine.modes else []
    return ", ".join(read)


def clips_words(engine: EngineCapability) -> str:
    """The frame counts and sizes that an engine makes, in words."""
    sizes = sorted(engine.sizes, key=lambda size: size[0] * size[1])
    ends = list(dict.fromkeys(f"{width}×{height}" for width, height in (sizes[0], sizes[-1])))
    return f"{frames_words(engine)} frames, {' to '.join(ends)}"


def frames_words(engine: EngineCapability) -> str:
    """The least and the most frames of an engine's clips, for instance "16 to 128"; one frame alone is no clip."""
    counts = sorted(count for count in engine.frame_counts if count > 1) or list(engine.frame_counts)
    return f"{counts[0]} to {counts[-1]}" if counts[0] != counts[-1] else f"{counts[0]}"


def licence_sentences(facts: EngineFacts) -> list[str]:
    """The licence of each part of an engine's weights, parts of one licence together; empty without weights."""
    together: dict[tuple[str, str, str], list[PartLicence]] = {}
    for part in facts.licences:
        together.setdefault((part.licence, part.commercial, part.why), []).append(part)
    said = []
    for (licence, commercial, why), parts in together.items():
        named = ", ".join(part.part for part in parts)
        said.append(f"{named}: {licence}; commercial use: {commercial}{f' ({why})' if why else ''}.")
    return said


def memory_words(facts: EngineFacts) -> str:
    """The memory that an engine takes and whether the server has it, in words; "" where that is not known."""
    need = facts.memory
    if need is None:
        return ""
    of = "of a graphics card" if need.on_card else "of memory"
    here = f"this server has {need.there / GB:.0f}" if need.there else "what this server has is not known"
    return f"from {need.least / GB:.1f} GB {of}; {here}{'' if need.enough else ': too little'}"


def weights_words(facts: EngineFacts) -> str:
    """How large an engine's weights are and whether they are on the server, in words."""
    if not facts.licences and not facts.weights_bytes:
        return "none needed"
    size = f"{facts.weights_bytes / 1e9:.1f} GB, " if facts.weights_bytes else ""
    return f"{size}{'on this server' if facts.weights_here else 'not on this server'}"


def fact_sentences(engine: EngineCapability) -> list[str]:
    """What there is to know of an engine before choosing it: what it reads and makes, weights, licences, memory."""
    facts = about(engine)
    makes = f"Makes {clips_words(engine)}."
    if facts is None:
        return [makes, *([f"{engine.licence}."] if engine.licence else [])]
    memory = [f"Memory: {memory_words(facts)}."] if facts.memory is not None else []
    weights = f"Weights: {weights_words(facts)}."
    return [f"Reads {reads_words(engine)}.", makes, weights, *licence_sentences(facts), *memory]


def expected_seconds(engine: EngineCapability, shot: ShotTraits) -> float | None:
    """The seconds that a clip of the shot would take, by the server's own earlier jobs; None where none tells."""
    if engine.pace is msgspec.UNSET:
        return None
    facts = about(engine)
    return engine.pace.of(shot.size if facts is None else facts.made_size(shot.size), shot.frames)
