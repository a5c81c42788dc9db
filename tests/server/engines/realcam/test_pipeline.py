"""RealCamPipeline as people call it: the engine's own clip, its folders, its callback, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

from PIL import Image  # noqa: E402

from blender_addon.core.camera.projection import scaled_intrinsics  # noqa: E402
from blender_addon.core.payloads.shot import Shot  # noqa: E402
from realcam import RealCamError, RealCamPipeline  # noqa: E402
from server.demo.motorcycle import Motorcycle  # noqa: E402
from server.engines.realcam.engine import RealCamEngine  # noqa: E402
from server.engines.realcam.sources import RandomWeights  # noqa: E402
from tests.support.shots import realcam_shot, sideways  # noqa: E402

FRAMES, WIDTH, HEIGHT = 3, 128, 64
STEPS = 2


@pytest.fixture(scope="module")
def pipe() -> RealCamPipeline:
    return RealCamPipeline.from_config("tiny")


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return realcam_shot(bike, sideways(FRAMES, WIDTH, HEIGHT), precision="float32", guidance=1.0)


def arguments(shot: Shot, **others: Any) -> dict[str, Any]:
    """A call's arguments for a shot."""
    return {
        "image": shot.photo,
        "camera_to_world": shot.trajectory.camera_to_world,
        "intrinsics": shot.trajectory.intrinsics,
        "image_intrinsics": shot.photo_intrinsics,
        "preview": shot.preview,
        "prompt": shot.settings.prompt,
        "fps": shot.trajectory.fps,
        "width": WIDTH,
        "height": HEIGHT,
        "num_inference_steps": STEPS,
        "guidance_scale": 1.0,
        "generator": torch.Generator().manual_seed(shot.settings.seed),
        "output_type": "np",
        **others,
    }


def pixels(frames: Any) -> np.ndarray:
    """[F, H, W, 3] uint8 of an output's frames."""
    return np.round(np.asarray(frames)[0] * 255).astype(np.uint8)


def test_a_call_makes_the_engines_clip(pipe: RealCamPipeline, shot: Shot) -> None:
    """The same photo, camera, preview and seed, in whatever form they are given."""
    made = RealCamEngine(RandomWeights("tiny")).generate(without_keeping(shot), lambda _: None).frames
    assert np.array_equal(pixels(pipe(**arguments(shot)).frames), made)
    previews = [Image.fromarray(frame) for frame in shot.preview]
    others = arguments(
        shot,
        image=torch.from_numpy(shot.photo.astype(np.float32) / 255).permute(2, 0, 1)[None],
        camera_to_world=torch.from_numpy(shot.trajectory.camera_to_world.copy()),
        intrinsics=shot.trajectory.intrinsics[0].tolist(),
        preview=previews,
        output_type="pil",
        return_dict=False,
    )
    (frames,) = pipe(**others)
    assert np.array_equal(np.stack([np.asarray(frame) for frame in frames[0]]), made)
    other_noise = arguments(shot, generator=torch.Generator().manual_seed(4), output_type="pt")
    tensor = pipe(**other_noise).frames
    assert tensor.shape == (1, FRAMES, 3, HEIGHT, WIDTH)
    assert not np.array_equal(pixels(tensor.permute(0, 1, 3, 4, 2)), made)


def without_keeping(shot: Shot) -> Shot:
    """The shot for the network alone: what an engine lays over the finished clip is not the pipeline's."""
    from server.engines.realcam.settings import OPTIONS

    if "keep_seen" not in {option.name for option in OPTIONS}:
        return shot
    options = {**shot.settings.options, "keep_seen": False}
    return replace(shot, settings=msgspec.structs.replace(shot.settings, options=options))


def test_a_saved_pipeline_makes_the_same_clip(pipe: RealCamPipeline, shot: Shot, tmp_path: Path) -> None:
    RealCamPipeline(pipe.model, ("repeat", "continue")).save_pretrained(tmp_path / "pipeline", max_shard_size="4MB")
    again = RealCamPipeline.from_pretrained(tmp_path / "pipeline")
    assert (again.config, again.forms) == (pipe.config, ("repeat", "continue"))
    first, second = (made(**arguments(shot, num_inference_steps=1)).frames for made in (pipe, again))
    assert np.array_equal(first, second)
    half = RealCamPipeline.from_pretrained(str(tmp_path / "pipeline"), torch_dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    back = half.to("cpu", torch.float32)
    assert (back.dtype, back.device) == (torch.float32, torch.device("cpu"))
    assert np.isfinite(back(**arguments(shot, num_inference_steps=1)).frames).all()


def test_without_a_preview_and_a_lens_of_its_own(pipe: RealCamPipeline, shot: Shot) -> None:
    """The photo is then all that the first frame shows; the global generator gives the noise."""
    photo = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "teal")
    bare = arguments(shot, image=photo, preview=None, image_intrinsics=None, generator=None)
    lens = scaled_intrinsics(shot.trajectory.intrinsics[0], (WIDTH, HEIGHT), photo.size)
    torch.manual_seed(3)
    made = pipe(**bare).frames
    torch.manual_seed(3)
    assert np.array_equal(made, pipe(**{**bare, "image_intrinsics": lens}).frames)


def test_the_callback_sees_each_step_and_can_change_it(pipe: RealCamPipeline, shot: Shot) -> None:
    seen: list[tuple[int, int, list[str]]] = []

    def watch(pipeline: RealCamPipeline, step: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        assert pipeline is pipe
        assert tensors["latents"].shape == (1, 4, FRAMES, HEIGHT // 8, WIDTH // 8)
        seen.append((step, timestep, sorted(tensors)))
        return {"latents": torch.zeros_like(tensors["latents"])} if step == 0 else {}

    names = ["latents", "clean_latents"]
    changed = pipe(**arguments(shot, callback_on_step_end=watch, callback_on_step_end_tensor_inputs=names)).frames
    assert seen == [(0, 999, sorted(names)), (1, 499, sorted(names))]
    assert not np.array_equal(changed, pipe(**arguments(shot)).frames)
    with pytest.raises(RealCamError, match=r"latents of another kind: expected a tensor \[1, 4, 3, 8, 16\]"):
        pipe(**arguments(shot, callback_on_step_end=lambda *_: {"latents": torch.zeros(3)}))


def test_the_callback_ends_a_call(pipe: RealCamPipeline, shot: Shot) -> None:
    """By an exception; or by `_interrupt`, with the frames there are: a segment, and the next as it stands."""
    with pytest.raises(KeyboardInterrupt):
        pipe(**arguments(shot, callback_on_step_end=stop_with(KeyboardInterrupt)))

    def interrupt(pipeline: RealCamPipeline, step: int, timestep: int, tensors: dict[str, Any]) -> None:
        pipeline._interrupt = step == 1

    trajectory = sideways(20, WIDTH, HEIGHT)
    long = arguments(shot, camera_to_world=trajectory.camera_to_world, intrinsics=trajectory.intrinsics, preview=None)
    long |= {"num_inference_steps": 1, "callback_on_step_end": interrupt}
    assert pipe(**long).frames.shape == (1, 20, HEIGHT, WIDTH, 3)
    cut = arguments(shot, callback_on_step_end=lambda pipeline, *_: setattr(pipeline, "_interrupt", True))
    assert pipe(**cut).frames.shape == (1, FRAMES, HEIGHT, WIDTH, 3)
    assert np.array_equal(pipe(**arguments(shot)).frames, pipe(**arguments(shot)).frames), "the next call is whole"


def test_a_picture_that_is_not_made_of_numbers_is_said(pipe: RealCamPipeline, shot: Shot) -> None:
    """As where half precision overflows: it would be black."""

    def spoil(_pipe: RealCamPipeline, _step: int, _timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": tensors["latents"] * float("nan")}

    with pytest.raises(RealCamError, match=f"not made of numbers: frame 1 of {FRAMES}"):
        pipe(**arguments(shot, callback_on_step_end=spoil))


def stop_with(kind: type[BaseException]) -> Callable[..., None]:
    def stop(*_: object) -> None:
        raise kind

    return stop


FLIPPED = np.diag([1.0, -1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {"camera_to_world": s.trajectory.camera_to_world[None]}, r"poses have the wrong shape.*\[F, 4"),
        (lambda s: {"camera_to_world": "orbit"}, "camera_to_world are not an array of numbers"),
        (lambda s: {"camera_to_world": s.trajectory.camera_to_world @ FLIPPED}, "OpenGL's or Blender's axes"),
        (lambda s: {"camera_to_world": scaled(s, 1e4)}, "not in metres, or not as seen from the photo.*3000 m away"),
        (lambda s: {"camera_to_world": s.trajectory.camera_to_world[:1], "intrinsics": s.trajectory.intrinsics[0]},
         "preview does not fit the trajectory"),
        (lambda s: {"camera_to_world": s.trajectory.camera_to_world[:1], "intrinsics": s.trajectory.intrinsics[0],
                    "preview": None}, "one frame has no motion"),
        (lambda s: {"intrinsics": s.trajectory.intrinsics / [[[WIDTH], [HEIGHT], [1]]]}, "not in pixels.*1.328"),
        (lambda s: {"intrinsics": np.eye(4)}, r"intrinsics have the wrong shape"),
        (lambda s: {"image_intrinsics": None}, "image has another shape than the clip: 186 x 125 and 128 x 64"),
        (lambda s: {"image": "photo.jpg"}, r"image is not one RGB picture: str"),
        (lambda s: {"image": np.stack([s.photo] * 2)}, r"image is not one RGB picture: ndarray \[2, 125, 186, 3\]"),
        (lambda s: {"image": s.photo.astype(float)}, "values are not a picture's: float64, 0 to 255"),
        (lambda s: {"preview": s.preview[..., :3]}, r"not a clip of RGBA pictures: ndarray \[3, 64, 128, 3\] uint8"),
        (lambda s: {"preview": [Image.new("RGB", (WIDTH, HEIGHT))] * FRAMES}, "says nowhere what the photo sees"),
        (lambda s: {"preview": None, "shaping": "noisy"}, "no preview to hold to"),
        (lambda s: {"width": 100}, "preview does not fit the trajectory|multiples of 64"),
        (lambda s: {"prompt": ["a", "b"]}, "prompt is not a text: list; one call makes one clip"),
        (lambda s: {"num_inference_steps": 0}, "Steps is out of range: 0, allowed 1 to 100"),
        (lambda s: {"guidance_scale": None}, "guidance is neither a number nor a word"),
        (lambda s: {"memory": "small"}, "pipeline has no option memory.*shaping"),
        (lambda s: {"generator": [torch.Generator()]}, "generator is not one of PyTorch's: list"),
        (lambda s: {"output_type": "latent"}, "no output_type 'latent': there are pil, np, pt"),
        (lambda s: {"callback_on_step_end_tensor_inputs": ["noise"]}, "cannot ask for noise"),
    ],
)  # fmt: skip
def test_what_is_refused(
    pipe: RealCamPipeline, shot: Shot, change: Callable[[Shot], dict[str, Any]], words: str
) -> None:
    with pytest.raises(RealCamError, match=words):
        pipe(**arguments(shot, **change(shot)))


def scaled(shot: Shot, factor: float) -> np.ndarray:
    return shot.trajectory.rescale(factor).camera_to_world


def test_what_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RealCamError, match=r"no network realcam-512.*realcam weights get realcam-512"):
        RealCamPipeline.from_published(store=tmp_path)
    with pytest.raises(RealCamError, match="There is no network mine"):
        RealCamPipeline.from_published("mine", store=tmp_path)
    with pytest.raises(RealCamError, match="no variant huge: there are tiny, nano"):
        RealCamPipeline.from_config("huge")
    with pytest.raises(RealCamError, match=r"cannot be of this dtype: torch.int8"):
        RealCamPipeline.from_config("tiny", torch_dtype=torch.int8)
    with pytest.raises(RealCamError, match="holds no pipeline"):
        RealCamPipeline.from_pretrained(tmp_path)
    with pytest.raises(RealCamError, match="someone/realcam could not be fetched from the hub"):
        RealCamPipeline.from_pretrained("someone/realcam", revision="0" * 40, cache_dir=tmp_path, local_files_only=True)
    monkeypatch.setattr("server.engines.realcam.pipeline.pipeline.MODEL_PACKAGES", ("no_such_package",))
    with pytest.raises(RealCamError, match="no_such_package not installed"):
        RealCamPipeline.from_config("tiny")


def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`examples/pipeline.py`, with the tiny network; and again with the pipeline that it saved."""
    pytest.importorskip("skimage", reason="scikit-image is not installed: the example's photo is its motorcycle")
    from examples.pipeline import main

    pictures = main(tmp_path, frames=2, steps=1)
    assert [picture.size for picture in pictures] == [(128, 128)] * 2
    assert "step 1, timestep 999, latents [1, 4, 2, 16, 16]" in capsys.readouterr().out
    with Image.open(tmp_path / "clip.gif") as clip:
        assert clip.n_frames == 2
    again = main(tmp_path / "again", str(tmp_path / "pipeline"), frames=2, steps=1)
    assert [frame.tobytes() for frame in again] == [frame.tobytes() for frame in pictures]
