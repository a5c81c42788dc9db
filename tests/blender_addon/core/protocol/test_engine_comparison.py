"""Engines side by side: what of a shot each would lose, and what it takes, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from blender_addon.core.protocol.capability import INTERPOLATION_MODE, EngineCapability
from blender_addon.core.protocol.engine_comparison import (
    ShotTraits,
    about_tokens,
    clips_words,
    expected_seconds,
    licence_sentences,
    lost,
    memory_words,
    reads_words,
    unmade,
    weights_words,
)
from blender_addon.core.protocol.engine_facts import (
    CAMERA,
    CONDITIONS,
    LENS,
    NO,
    NOT_CLEAR,
    PHOTO,
    PREVIEW,
    YES,
    Beginning,
    EngineFacts,
    EnginePace,
    MemoryNeed,
    PartLicence,
)

GB = 2**30
SHOT = ShotTraits((512, 320), 16)
WHOLE = EngineFacts(reads=(PHOTO, PREVIEW, CAMERA, LENS))
BY_PREVIEW = EngineFacts(reads=(PHOTO, PREVIEW))
BY_CAMERA = EngineFacts(reads=(PHOTO, CAMERA, LENS))


def engine(about: EngineFacts | None = WHOLE, **changes: Any) -> EngineCapability:
    made = EngineCapability(
        name="one",
        label="One",
        description="for tests",
        sizes=((512, 320), (64, 40), (1024, 576)),
        frame_counts=(16, 1, 128),
        about=msgspec.UNSET if about is None else about,
    )
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    ("about", "shot", "sentences"),
    [
        (WHOLE, ShotTraits((512, 320), 16, zooms=True, seen=0.2), []),
        (BY_PREVIEW, SHOT, ["It does not read the camera where the photo sees nothing."]),
        (
            BY_PREVIEW,
            ShotTraits((512, 320), 16, zooms=True, seen=0.63),
            ["It does not read the camera and the lens where the photo sees nothing, up to 37% of a frame."],
        ),
        (BY_PREVIEW, ShotTraits((512, 320), 16, zooms=True, seen=1.0), []),
        (BY_CAMERA, SHOT, ["It does not read the preview: what the photo shows is painted anew."]),
        (
            EngineFacts(reads=(PHOTO,)),
            SHOT,
            [
                "It does not read the preview: what the photo shows is painted anew.",
                "It does not read the camera and the lens.",
            ],
        ),
        (None, ShotTraits((512, 320), 16, zooms=True, seen=0.2), []),
    ],
)
def test_what_an_engine_loses_of_the_camera(about: EngineFacts | None, shot: ShotTraits, sentences: list[str]) -> None:
    """None: a server of before, which does not say what its engines read."""
    assert lost(engine(about), shot) == sentences


def test_words_a_last_image_a_size_and_a_count_are_lost_too() -> None:
    shot = ShotTraits((640, 360), 20, words=True, last_image=True)
    assert unmade(engine(), shot) == ["It makes no clips of 640 × 360.", "It makes no clips of 20 frames."]
    assert unmade(engine(), SHOT) == []
    assert lost(engine(reads_prompt=False), shot) == [
        "It does not read the prompt.",
        "It does not end at the last image.",
    ]
    able = engine(modes=("basic", INTERPOLATION_MODE))
    assert lost(able, ShotTraits((512, 320), 16, words=True, last_image=True)) == []


def test_what_an_engine_reads_and_makes() -> None:
    assert reads_words(engine(modes=(INTERPOLATION_MODE,))) == "photo, preview, camera, lens, words, last image"
    assert reads_words(engine(BY_PREVIEW, reads_prompt=False)) == "photo, preview"
    assert reads_words(engine(None)) == ""
    assert clips_words(engine()) == "16 to 128 frames, 64×40 to 1024×576"
    assert clips_words(engine(sizes=((64, 40),), frame_counts=(1,))) == "1 frames, 64×40"


def test_parts_of_one_licence_stand_together_and_the_least_allowed_counts() -> None:
    apache = {"licence": "Apache-2.0", "commercial": YES}
    facts = EngineFacts(
        licences=(
            PartLicence(part="network", **apache),
            PartLicence(part="VAE", **apache),
            PartLicence(part="text encoder", licence="Gemma", commercial=CONDITIONS, why="within a policy"),
        )
    )
    assert licence_sentences(facts) == [
        "network, VAE: Apache-2.0; commercial use: yes.",
        "text encoder: Gemma; commercial use: with conditions (within a policy).",
    ]
    assert facts.commercial == CONDITIONS
    assert EngineFacts().commercial == YES
    for worst in (NOT_CLEAR, NO):
        worse = PartLicence(part="x", licence="x", commercial=worst)
        assert msgspec.structs.replace(facts, licences=(*facts.licences, worse)).commercial == worst
    unheard = EngineFacts(licences=(PartLicence(part="x", licence="x", commercial="on Sundays"),))
    assert unheard.commercial == NOT_CLEAR, "an answer of a later server"


def test_memory_and_weights_in_words() -> None:
    need = MemoryNeed(on_card=True, least=8 * GB, there=24 * GB)
    assert memory_words(EngineFacts(memory=need)) == "from 8.0 GB of a graphics card; this server has 24"
    small = MemoryNeed(on_card=False, least=7 * GB, there=4 * GB, enough=False)
    assert memory_words(EngineFacts(memory=small)) == "from 7.0 GB of memory; this server has 4: too little"
    assert memory_words(EngineFacts(memory=msgspec.structs.replace(need, there=0))).endswith("has is not known")
    assert memory_words(EngineFacts()) == ""
    assert weights_words(EngineFacts()) == "none needed"
    assert weights_words(EngineFacts(weights_bytes=7_100_000_000, weights_here=False)) == "7.1 GB, not on this server"


def test_time_grows_with_frames_and_pixels() -> None:
    paced = engine(pace=EnginePace(seconds=2.0, jobs=3))
    assert expected_seconds(paced, ShotTraits((1000, 500), 16)) == pytest.approx(16.0)
    assert expected_seconds(engine(), SHOT) is None


def test_an_engine_that_makes_one_size_takes_as_long_for_every_other() -> None:
    paced = engine(EngineFacts(own_size=(1000, 500)), pace=EnginePace(seconds=2.0, jobs=3))
    times = [expected_seconds(paced, ShotTraits(size, 16)) for size in ((64, 40), (1000, 500), (2000, 2000))]
    assert times == [pytest.approx(16.0)] * 3


def test_what_a_shot_that_begins_elsewhere_costs_is_said_or_that_it_is_refused() -> None:
    """From half a metre away, or turned by 30 degrees, 0.04 m and 1 degree a frame."""
    walker = engine(EngineFacts(reads=WHOLE.reads, beginning=Beginning(walk=(0.04, 1.0))))
    at_photo, near, far, turned = (
        ShotTraits((512, 320), 16, away=away) for away in ((0.0, 0.0), (0.5, 0.0), (5.0, 0.0), (0.5, 30.0))
    )
    assert lost(walker, at_photo) == lost(walker, SHOT) == unmade(walker, SHOT) == []
    (said,) = lost(walker, near)
    assert said == "It makes 13 frames more, from the photo to where the shot begins, and cuts them off."
    assert lost(walker, turned)[0].startswith("It makes 30 frames more")
    (why,) = unmade(walker, far)
    assert why.startswith("It needs 125 frames to come from the photo to where the shot begins, and 16 for the shot")
    assert lost(walker, far) == []
    scaler = engine(EngineFacts(reads=WHOLE.reads, beginning=Beginning(walk=(0.04, 1.0), scale_option="scale")))
    for scale, frames in ((1.0, 13), (2.0, 25), (0.1, 2)):
        scaled = replace(near, options={"scale": scale})
        assert lost(scaler, scaled)[0].startswith(f"It makes {frames} frames more")
        assert lost(walker, scaled) == lost(walker, near), "another engine has no such option"
    (why,) = unmade(scaler, replace(near, options={"scale": 10.0}))
    assert why.startswith("It needs 125 frames")
    goes_on = engine(EngineFacts(reads=WHOLE.reads, beginning=Beginning(first_seen=0.9)))
    assert unmade(goes_on, ShotTraits((512, 320), 16, away=(0.5, 0.0), first_seen=0.6)) == [
        "It needs a first picture: the shot does not begin at the photo, and its first frame shows 60% of it, not 90%."
    ]
    for fine in (near, at_photo, ShotTraits((512, 320), 16, away=(0.5, 0.0), first_seen=0.95)):
        assert unmade(goes_on, fine) == []


def test_a_prompt_that_is_too_long_is_said_by_its_letters() -> None:
    reads = engine(EngineFacts(reads=WHOLE.reads, prompt_tokens=100))
    long, chinese = "a street in the evening rain " * 20, "\u96e8" * 101
    assert (about_tokens(long), about_tokens(chinese), about_tokens("")) == (145, 101, 0)
    said = lost(reads, ShotTraits((512, 320), 16, words=True, prompt_tokens=about_tokens(long)))
    assert said == ["The prompt has about 145 tokens; it reads 100, and leaves out the end."]
    assert lost(reads, ShotTraits((512, 320), 16, words=True, prompt_tokens=100)) == []


def test_a_client_and_a_server_of_before_and_after_read_each_other() -> None:
    """What is not said is not written, and what is not known is left out."""
    silent = engine(None)
    assert b"about" not in msgspec.msgpack.encode(silent)
    assert b"pace" not in msgspec.msgpack.encode(silent)
    later = msgspec.to_builtins(engine())
    later["about"] |= {"reads": ["photo", "a map"], "colour": "blue"}
    read = msgspec.convert(later, EngineCapability)
    assert reads_words(read) == "photo, words"
