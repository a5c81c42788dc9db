"""A photo, its depth and a camera become a clip by `realcam generate`, made by a tiny random model in a real server."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

from blender_addon.core.camera.formats import write_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.clip import ClipSidecar
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.random_weights import RANDOM_WEIGHTS
from tests.support.shots import sideways

LONG = " ".join(["a street in the rain"] * 5)
FILES = {"photo": "photo.png", "depth": "depth.npy", "trajectory": "poses.txt"}


def test_generate_without_blender(bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`realcam generate --engine realcam --random-weights`: a clip that says what made it, and what of a long prompt
    did not."""
    monkeypatch.setenv(RANDOM_WEIGHTS, "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Image.fromarray(bike.photo).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", bike.depth)
    height, width = bike.depth.shape
    camera = Trajectory(sideways(4).camera_to_world, bike.intrinsics, width, height)
    write_trajectory(tmp_path / "poses.txt", camera)
    files = [f"--{name}={tmp_path / file}" for name, file in FILES.items()]
    words = ["--engine=realcam", "--random-weights", "--scale=tiny", "--size=128x64", "--frames=4", "--seed=5"]
    options = ["--option", "steps=2", "--option", "shaping=off", "--intrinsics=994.978,994.978,311.193,254.877"]
    options += ["--prompt", LONG]
    result = CliRunner().invoke(app, ["generate", *files, *words, *options, "-o", str(tmp_path / "clip.mp4")])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert f"The prompt was longer than the model reads: {LONG[75:]!r} was left out." in said
    with av.open(str(tmp_path / "clip.mp4")) as video:
        sidecar = msgspec.json.decode(video.metadata["comment"], type=ClipSidecar)
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])
    assert frames.shape == (4, 64, 128, 3)
    assert np.std(frames[0]) > 1.0
    metadata = sidecar.metadata
    assert (metadata.settings.seed, metadata.settings.options) == (
        5,
        {"steps": 2, "shaping": "off", "keep_seen": True},
    )
    assert metadata.weights_hash == "random-tiny-0"
    assert metadata.draft
    assert "torch" in metadata.engine_version
