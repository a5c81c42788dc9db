"""The engine `realcam` end to end, with a tiny model of random weights, on the motorcycle."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.support.shots import realcam_shot, sideways, with_options

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.compositing.feather import broad_feather, feather
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled
from server.engines.realcam.code_version import code_version
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights
from server.engines.shot_pictures import last_picture

FRAMES = 4


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(RandomWeights("tiny"))


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return realcam_shot(bike, sideways(FRAMES))


def test_a_clip_and_its_story(engine: RealCamEngine, shot: Shot) -> None:
    reports: list[JobProgress] = []
    clip = engine.generate(shot, reports.append)
    assert clip.frames.shape == (FRAMES, 128, 128, 3)
    assert clip.frames.dtype == np.uint8
    steps = [r.done for r in reports if r.stage == "Sampling"]
    assert steps[-1] == reports[-1].total == 2
    assert steps == sorted(steps)
    picture = next(r.preview for r in reversed(reports) if r.preview is not None)
    assert picture.shape == (64, 64, 3)
    assert clip.metadata.weights_hash == "random-tiny-0"
    assert clip.metadata.draft, "random weights are never taken for a result"
    assert clip.metadata.settings == shot.settings
    assert "tiny" in clip.metadata.engine_version
    assert code_version() in clip.metadata.engine_version
    assert "memory plan" in clip.metadata.engine_version
    assert "torch" in clip.metadata.engine_version


def test_the_seed_decides(engine: RealCamEngine, shot: Shot) -> None:
    first = engine.generate(shot, lambda _: None).frames
    again = engine.generate(shot, lambda _: None).frames
    other_seed = replace(shot, settings=msgspec.structs.replace(shot.settings, seed=4))
    other = engine.generate(other_seed, lambda _: None).frames
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_the_photo_sees_is_laid_back_where_that_is_asked_for(engine: RealCamEngine, shot: Shot) -> None:
    """A shot that does not say so was stored before the option came, and keeps the network's own picture."""
    plain = engine.generate(shot, lambda _: None)
    stages: list[str] = []
    kept = engine.generate(with_options(shot, keep_seen=True), lambda progress: stages.append(progress.stage))
    inside = np.stack([feather(seen, None, broad_feather(128, 128)) == 255 for seen in shot.preview[..., 3] == 255])
    assert inside.mean() > 0.1
    assert np.array_equal(kept.frames[inside], shot.preview[inside, :3])
    assert np.median(np.abs(plain.frames[inside].astype(int) - shot.preview[inside, :3])) > 10
    assert stages[-1] == "Laying the photo back"
    drift = kept.metadata.seen_drift
    assert isinstance(drift, SeenDrift)
    assert len(drift.frames) == FRAMES
    assert f"{drift.difference:.1f} of 255" in kept.notes[-1]
    assert plain.metadata.seen_drift is msgspec.UNSET
    assert plain.notes == ()
    published = engine.generate(with_options(shot, faithful=True, keep_seen=True), lambda _: None)
    assert published.metadata.seen_drift is msgspec.UNSET, "the published code keeps nothing"


def test_the_camera_and_the_prompt_matter(engine: RealCamEngine, shot: Shot, bike: Motorcycle) -> None:
    def made(which: Shot) -> np.ndarray:
        return engine.generate(with_options(which, shaping="off"), lambda _: None).frames.astype(int)

    base = made(shot)
    other_path = realcam_shot(bike, sideways(FRAMES, metres=-0.3))
    other_prompt = replace(shot, settings=msgspec.structs.replace(shot.settings, prompt="a lake at night"))
    assert np.abs(base - made(other_path)).mean() > 0.05
    assert np.abs(base - made(other_prompt)).mean() > 0.05


@pytest.mark.parametrize("shaping", ["noisy", "clean"])
def test_the_preview_is_held(engine: RealCamEngine, shot: Shot, shaping: str) -> None:
    """Held to the last step, the clip is the preview as the VAE knows it; let go, it is not."""
    held = engine.generate(with_options(shot, shaping=shaping, shaping_until=0), lambda _: None).frames.astype(int)
    free = engine.generate(with_options(shot, shaping="off"), lambda _: None).frames.astype(int)
    assert np.abs(held - free).mean() > 1.0


def test_held_until_a_noise_level(engine: RealCamEngine, shot: Shot) -> None:
    """At 10 steps, 0.998 of noise lies between timesteps 899 and 799."""

    def made(**options: object) -> np.ndarray:
        return engine.generate(with_options(shot, steps=10, guidance=1.0, **options), lambda _: None).frames

    by_noise = made(shaping_noise=0.998)
    assert np.array_equal(by_noise, made(shaping_until=899))
    assert not np.array_equal(by_noise, made(shaping_until=799))


def test_photo_and_prompt_guide_with_strengths_of_their_own(engine: RealCamEngine, shot: Shot) -> None:
    """A prompt that says what the negative one does has no say: the photo's strength alone remains."""

    def made(prompt: str, guidance: float, photo: float) -> np.ndarray:
        settings = msgspec.structs.replace(shot.settings, prompt=prompt, negative_prompt="a lake at night")
        options = {"guidance": guidance, "image_guidance": photo, "shaping": "off"}
        return engine.generate(with_options(replace(shot, settings=settings), **options), lambda _: None).frames.astype(
            int
        )

    silent = made("a lake at night", 9.0, 3.0)
    assert np.abs(silent - made("a lake at night", 3.0, 0.0)).max() <= 1
    assert np.abs(silent - made("a motorcycle", 9.0, 3.0)).mean() > 0.05
    assert np.abs(made("a motorcycle", 9.0, 9.0) - made("a motorcycle", 9.0, 0.0)).max() <= 1, "alike they are one"


def test_the_camera_guides_without_the_prompt(engine: RealCamEngine, shot: Shot) -> None:
    def made(**options: object) -> np.ndarray:
        return engine.generate(with_options(shot, guidance=1.0, shaping="off", **options), lambda _: None).frames

    assert not np.array_equal(made(camera_guidance=3.0), made(camera_guidance=1.0))
    assert np.array_equal(made(camera_guidance=3.0, faithful=True), made(camera_guidance=1.0, faithful=True))


def test_cancel_within_a_step(engine: RealCamEngine, shot: Shot) -> None:
    seen: list[JobProgress] = []

    def report(step: JobProgress) -> None:
        seen.append(step)
        if len(seen) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate(with_options(shot, steps=50), report)
    assert len(seen) == 4


def test_longer_than_the_weights_know(engine: RealCamEngine, bike: Motorcycle) -> None:
    """Twenty frames in two segments: the shared frames are the first segment's own."""
    long = realcam_shot(bike, sideways(20, 128, 64), steps=1, shaping="off")
    clip = engine.generate(long, lambda _: None)
    assert len(clip.frames) == 20
    with pytest.raises(EngineError, match=r"longer than the weights know.*at most 16.*continuation"):
        engine.generate(with_options(long, mode="basic"), lambda _: None)


def test_loop_comes_home(engine: RealCamEngine, bike: Motorcycle) -> None:
    there = sideways(5)
    back = np.concatenate([there.camera_to_world[:3], there.camera_to_world[1::-1]])
    loop = realcam_shot(bike, replace(there, camera_to_world=back), mode="loop", shaping="off")
    frames = engine.generate(loop, lambda _: None).frames.astype(int)
    free = engine.generate(with_options(loop, mode="basic"), lambda _: None).frames.astype(int)
    assert np.abs(frames[-1] - free[-1]).mean() > 1.0, "the last frame is the photo's"
    with pytest.raises(EngineError, match="does not loop"):
        engine.generate(realcam_shot(bike, there, mode="loop"), lambda _: None)


def test_interpolation_needs_a_known_end(engine: RealCamEngine, shot: Shot) -> None:
    preview = shot.preview.copy()
    preview[-1, ..., 3] = 255
    clip = engine.generate(replace(with_options(shot, mode="interpolation"), preview=preview), lambda _: None)
    assert len(clip.frames) == FRAMES
    preview = preview.copy()
    preview[-1, :, :20, 3] = 0
    with pytest.raises(EngineError, match=r"last frame is not known.*84%.*99%"):
        engine.generate(replace(with_options(shot, mode="interpolation"), preview=preview), lambda _: None)


def test_interpolation_ends_at_the_last_image(engine: RealCamEngine, shot: Shot) -> None:
    """Auto is then interpolation, also where the preview shows nothing of the end."""
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, 80:] = 255
    ending = replace(with_options(shot, shaping="off"), last_image=picture)
    frames = engine.generate(ending, lambda _: None).frames.astype(int)
    free = engine.generate(replace(ending, last_image=None), lambda _: None).frames.astype(int)
    assert np.abs(frames[-1] - free[-1]).mean() > 1.0, "the last frame is held to the image"
    again = engine.generate(with_options(ending, mode="interpolation"), lambda _: None).frames
    assert np.array_equal(frames, again)
    with pytest.raises(EngineError, match="mode basic does not end at a last image"):
        engine.generate(with_options(ending, mode="basic"), lambda _: None)
    with pytest.raises(EngineError, match=r"another shape than the clip.*400 x 100 pixels fill 25% of 128 x 128"):
        engine.generate(replace(ending, last_image=np.zeros((100, 400, 3), np.uint8)), lambda _: None)


def test_a_last_image_lies_in_the_clip_as_the_artists_frame_does() -> None:
    """16:9 in a square: whole, in the middle, its border repeated above and below."""
    rows = np.linspace(40, 200, 72).astype(np.uint8)
    picture = np.repeat(np.repeat(rows[:, None, None], 128, axis=1), 3, axis=2)
    fitted = last_picture(picture, (128, 128))
    assert fitted.shape == (128, 128, 3)
    assert np.array_equal(fitted[28:100], picture)
    assert (fitted[:28] == 40).all()
    assert (fitted[100:] == 200).all()


def test_faithful_needs_the_photo_in_the_shot(engine: RealCamEngine, shot: Shot, bike: Motorcycle) -> None:
    assert len(engine.generate(with_options(shot, faithful=True), lambda _: None).frames) == FRAMES
    away = sideways(FRAMES).camera_to_world.copy()
    away[:, 1, 3] += 0.2
    far = realcam_shot(bike, replace(sideways(FRAMES), camera_to_world=away))
    assert len(engine.generate(far, lambda _: None).frames) == FRAMES, "which only the published code wants"
    with pytest.raises(EngineError, match="published code cannot make this shot"):
        engine.generate(with_options(far, faithful=True), lambda _: None)


def test_a_long_prompt_is_cut_and_said(engine: RealCamEngine, shot: Shot) -> None:
    words = {"prompt": "word " * 30 + "forgotten", "negative_prompt": "word " * 30 + "blurred"}
    long = replace(shot, settings=msgspec.structs.replace(shot.settings, **words))
    notes = engine.generate(long, lambda _: None).notes
    assert len(notes) == 2
    assert notes[0].startswith("The prompt was longer")
    assert "forgotten" in notes[0]
    assert notes[1].startswith("The negative prompt was longer")
    assert "blurred" in notes[1]
