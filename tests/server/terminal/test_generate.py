"""`realcam generate`: a clip from files, through a real server process, without Blender."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from blender_addon.core.camera.formats import write_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError, ServiceError, ShotError
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.progress import unwatched
from blender_addon.core.protocol.messages import Limits
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.random_weights import RANDOM_WEIGHTS
from server.terminal import estimated_depth
from server.terminal.generate import GenerateRequest, generate, read_inputs, within_limits
from tests.support.engines.depth import Wall


@pytest.fixture(scope="module")
def request_(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> GenerateRequest:
    """The motorcycle as files, and a camera that slides 20 cm to the right in 5 frames; any file name will do."""
    folder = tmp_path_factory.mktemp("shot")
    with suppress(OSError, ValueError):  # a system that has no such names
        odd = folder / os.fsdecode(b"[/draft] :x: <b>\x1b[31m caf\xe9")
        odd.mkdir()
        folder = odd
    photo = folder / f"photo {folder.name[-1]}[x].png"
    Image.fromarray(bike.photo).save(photo)
    np.save(folder / "depth.npy", bike.depth)
    poses = np.repeat(np.eye(4)[None], 5, axis=0)
    poses[:, 0, 3] = np.linspace(0, 0.2, 5)
    height, width = bike.depth.shape
    write_trajectory(folder / "poses.txt", Trajectory(poses, bike.intrinsics, width, height, fps=8.0))
    return GenerateRequest(
        photo,
        DepthFile(folder / "depth.npy"),
        folder / "poses.txt",
        folder / "made" / "clip.mp4",
        import_settings=ImportSettings(intrinsics=bike.intrinsics.tolist()),
        size=(512, 320),
        frames=4,
    )


def decoded(clip: Path) -> np.ndarray:
    with av.open(str(clip)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_a_clip_is_made_through_a_server_of_its_own(request_: GenerateRequest, bike: Motorcycle) -> None:
    stages: dict[str, tuple[int, int]] = {}
    result = generate(request_, lambda told: stages.__setitem__(told.stage, (told.done, told.total)))
    assert result.clip == request_.out
    frames = decoded(result.clip)
    assert frames.shape == (4, 320, 512, 3)
    # The first frame is the photo, fitted: 741 x 500 into 512 x 320 leaves 19 pixels' margin on each side.
    small = np.array(Image.fromarray(bike.photo).resize((474, 320), Image.Resampling.BOX)).astype(int)
    assert np.median(np.abs(frames[0][:, 19:493].astype(int) - small)) <= 8
    assert set(stages) == {"Preview", "Sending", "Generating", "Fetching"}
    assert all(done == of for done, of in stages.values())
    assert len(result.coverage) == 4
    assert list(request_.out.parent.iterdir()) == [request_.out]


def test_a_size_that_the_engine_does_not_list_is_said_before_anything_is_drawn(request_: GenerateRequest) -> None:
    stages: list[str] = []
    with pytest.raises(ShotError, match=r"no clips of 192 x 128: it makes 512 x 320, .*Choose one of these sizes"):
        generate(replace(request_, size=(192, 128)), lambda told: stages.append(told.stage))
    assert not stages


def test_an_engine_that_is_not_there(request_: GenerateRequest) -> None:
    with pytest.raises(ServiceError, match="no engine 'magic': it has draft"):
        generate(replace(request_, engine="magic"), unwatched)


def test_an_engine_that_cannot_end_at_an_image(request_: GenerateRequest) -> None:
    with pytest.raises(ShotError, match=r"Draft \(geometry only\) cannot end at a last image: its modes are basic"):
        generate(replace(request_, last_image=request_.photo), unwatched)


def test_the_engine_gets_its_options(request_: GenerateRequest, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="has no option soam: it has seam"):
        generate(replace(request_, options={"soam": 1.0}), unwatched)
    stages: list[str] = []
    with pytest.raises(EngineError, match="Seam softness is out of range: 2, allowed 0 to 1"):
        generate(replace(request_, options={"seam": 2.0}), lambda told: stages.append(told.stage))
    assert not stages, "nothing was drawn for it"
    asked = replace(request_, options={"seam": 0.25}, negative_prompt="rain", out=tmp_path / "clip.mp4")
    with av.open(str(generate(asked, unwatched).clip)) as file:
        made = msgspec.json.decode(file.metadata["comment"].encode(), type=ClipSidecar).metadata
    assert made.settings.options == {"seam": 0.25}
    assert made.settings.negative_prompt == "rain"


def test_a_camera_that_never_sees_the_photo(request_: GenerateRequest, tmp_path: Path, bike: Motorcycle) -> None:
    away = np.diag([-1.0, 1.0, -1.0, 1.0])[None]
    write_trajectory(tmp_path / "away.txt", Trajectory(away, bike.intrinsics, 741, 500))
    with pytest.raises(ShotError, match="never sees the photo"):
        generate(replace(request_, trajectory=tmp_path / "away.txt"), unwatched)


def test_the_file_may_start_anywhere_if_told_so(request_: GenerateRequest, tmp_path: Path, bike: Motorcycle) -> None:
    away = np.repeat(np.diag([-1.0, 1.0, -1.0, 1.0])[None], 2, axis=0)
    away[:, :3, 3] = 7.0
    write_trajectory(tmp_path / "far.txt", Trajectory(away, bike.intrinsics, 741, 500))
    elsewhere = replace(
        request_, trajectory=tmp_path / "far.txt", start_at_photo=True, out=tmp_path / "clip.mp4", frames=1
    )
    assert generate(elsewhere, unwatched).coverage[0] > 0.8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--photo", "missing.jpg"], "There is no such photo: missing.jpg"),
        (["--size", "wide"], "WIDTHxHEIGHT"),
        (["--size", "500x300"], "Draft (geometry only) makes no clips of 500 x 300: it makes 512 x 320, 320 x 512,"),
        (["--intrinsics", "1,2"], "4 numbers"),
        (["--server", "127.0.0.1:1"], "127.0.0.1:1"),
        (["--option", "steps"], "expected NAME=VALUE"),
        (["-o", "."], ". is a folder"),
        (["--intrinsics", "0,0,0,0"], "focal length is not positive"),
        (["--frames", "100000"], "It takes 256 frames"),
        (["--engine", "nosuch"], "it has draft, realcam, vace, wan-i2v, sana-wm."),
    ],
)
def test_the_command_says_what_is_wrong(request_: GenerateRequest, arguments: list[str], words: str) -> None:
    files = [
        *(
            "--photo",
            str(request_.photo),
            "--depth",
            str(request_.depth.path),
            "--trajectory",
            str(request_.trajectory),
        ),
        *("-o", str(request_.out.parent / "never.mp4")),
    ]
    result = CliRunner().invoke(app, ["generate", *files, *arguments])
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_random_weights_are_the_started_servers_alone(
    request_: GenerateRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is refused with its label: for the size, or for want of torch."""
    monkeypatch.delenv(RANDOM_WEIGHTS, raising=False)
    asked = replace(request_, engine="realcam", size=(7, 7), random_weights="tiny")
    with pytest.raises((ServiceError, ShotError), match="RealCam, tiny random weights"):
        generate(asked, unwatched)
    assert RANDOM_WEIGHTS not in os.environ


def test_limits_are_asked_before_anything_is_drawn(request_: GenerateRequest) -> None:
    stages: list[str] = []
    with pytest.raises(ShotError, match=r"The prompt is too long: 9000 characters, allowed 8000\. Shorten it"):
        generate(replace(request_, prompt="x" * 9000), lambda told: stages.append(told.stage))
    assert not stages


def test_a_photo_above_the_servers_limit_is_made_smaller_with_its_lens(request_: GenerateRequest) -> None:
    inputs = read_inputs(request_)
    small = within_limits(inputs, Limits(photo_pixels=100_000))
    assert small.photo.shape == (259, 384, 3)
    assert small.depth.size <= 100_000
    np.testing.assert_allclose(small.lens.intrinsics[0] / 384, inputs.lens.intrinsics[0] / 741)
    assert small.notes[-1] == "The server takes 0.1 million pixels: the photo is sent as 384 x 259."


def test_the_lens_stored_with_depth_is_the_photos(request_: GenerateRequest, bike: Motorcycle, tmp_path: Path) -> None:
    np.savez(tmp_path / "depth.npz", depth=bike.depth, intrinsics=bike.intrinsics)
    inputs = read_inputs(replace(request_, depth=DepthFile(tmp_path / "depth.npz"), import_settings=ImportSettings()))
    np.testing.assert_allclose(inputs.lens.intrinsics, bike.intrinsics)
    assert inputs.lens.words.startswith("stored with the depth")


def generate_typed(*words: str) -> Any:
    return CliRunner().invoke(app, ["generate", *words], env={"COLUMNS": "300"})


def test_a_photo_alone_and_a_move(bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a camera file nor a depth: both are made up, and said."""
    monkeypatch.setattr(estimated_depth, "load_predictor", lambda name: Wall())
    monkeypatch.setattr(estimated_depth, "downloaded_weights", lambda card: tmp_path)
    photo, out = tmp_path / "photo.png", tmp_path / "clip.mp4"
    Image.fromarray(bike.photo).save(photo)
    result = generate_typed(str(photo), "--move", "orbit 12", "--frames", "3", "--size", "512x320", "-o", str(out))
    assert result.exit_code == 0, result.output
    assert "The depth was estimated by Depth Anything V2 Metric Indoor Small (Apache 2.0)" in result.output
    assert "The camera moves as named: Orbit (angle 12 degrees, pivot distance 2.6" in result.output
    assert len(decoded(out)) == 3


def test_without_a_depth_and_a_predictor_it_is_said_what_to_do(
    bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimated_depth, "downloaded_weights", lambda card: None)
    photo = tmp_path / "photo.png"
    Image.fromarray(bike.photo).save(photo)
    result = generate_typed(str(photo), "--move", "orbit")
    assert result.exit_code == 1
    assert "no depth predictor is installed" in result.output
    assert "with --depth, or run `realcam weights get depth-anything-indoor-small` (99 MB)" in result.output
    other = generate_typed(str(photo), "--move", "orbit", "--predictor", "depth-pro").output
    assert "Depth Pro is not installed" in other
    assert (
        "There is no such depth predictor: deep"
        in generate_typed(str(photo), "--move", "pan", "--predictor", "deep").output
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--move", "orbit"], "name the photo"),
        (["a.png", "--photo", "b.png", "--move", "orbit"], "named twice"),
        (["a.png"], "name a camera file, or a move"),
        (["a.png", "--move", "orbit", "--trajectory", "t.txt"], "not both"),
        (["a.png", "--move", "orbit", "--depth-scale", "0.001"], "it is read only with --depth"),
        (["a.png", "--move", "orbit", "--start-at-photo"], "it is read only with --trajectory"),
        (
            ["a.png", "--move", "orbit", "--depth", "d.npy", "--predictor", "depth-pro"],
            "it is read only with no --depth",
        ),
        (["a.png", "--move", "fly"], "There is no such camera move: fly"),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_read(words: list[str], said: str) -> None:
    result = generate_typed(*words)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())
