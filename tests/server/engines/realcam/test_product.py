"""A shot sent to a real server, made there by the engine `realcam` with a tiny random model, and fetched as a clip."""

from __future__ import annotations

import uuid
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
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.random_weights import RANDOM_WEIGHTS
from server.terminal.local_service import local_service
from tests.support.shots import realcam_shot, sideways

LONG = " ".join(["a street in the rain"] * 5)
FILES = {"photo": "photo.png", "depth": "depth.npy", "trajectory": "poses.txt"}


def test_a_shot_becomes_a_clip(bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RANDOM_WEIGHTS, "tiny")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    shot = realcam_shot(bike, sideways(6, 128, 64))
    with (
        local_service(tmp_path / "jobs", tmp_path / "server.log", patience=120.0) as address,
        Client(address, "test", "test 1") as client,
    ):
        welcome = client.connect()
        engine = next(e for e in welcome.engines if e.name == "realcam")
        assert engine.unavailable == ""
        assert engine.draft, "and says that its weights are random"
        job_id = uuid.uuid4().hex
        client.submit(job_id, encode_shot(shot), "realcam", "bike")
        events = list(client.follow(job_id))
        last = events[-1]
        assert isinstance(last, StateEvent)
        assert last.state is JobState.DONE, last.reason
        stages = {e.stage for e in events if not isinstance(e, StateEvent)}
        assert stages & {"Loading the model", "Sampling", "Decoding", "Reading the picture and the camera"}
        files = client.fetch(job_id, tmp_path / "clip")
    clip = next(f for f in files if f.name == "clip.mp4")
    with av.open(str(clip)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 6
    assert frames[0].shape == (64, 128, 3)
    assert np.std(frames[0]) > 1.0


def test_generate_without_blender(bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`realcam generate --engine realcam --random-weights`, twice: the same clip, which says what made it, and what of
    a long prompt did not."""
    monkeypatch.setenv(RANDOM_WEIGHTS, "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Image.fromarray(bike.photo).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", bike.depth)
    height, width = bike.depth.shape
    camera = Trajectory(sideways(4).camera_to_world, bike.intrinsics, width, height)
    write_trajectory(tmp_path / "poses.txt", camera)
    files = [f"--{name}={tmp_path / file}" for name, file in FILES.items()]
    made = []
    for name in ("first.mp4", "again.mp4"):
        words = ["--engine=realcam", "--random-weights", "--scale=tiny", "--size=128x64", "--frames=4", "--seed=5"]
        options = ["--option", "steps=2", "--option", "shaping=off", "--intrinsics=994.978,994.978,311.193,254.877"]
        options += ["--prompt", LONG]
        result = CliRunner().invoke(app, ["generate", *files, *words, *options, "-o", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        said = " ".join(result.output.split())
        assert f"The prompt was longer than the model reads: {LONG[75:]!r} was left out." in said
        with av.open(str(tmp_path / name)) as video:
            sidecar = msgspec.json.decode(video.metadata["comment"], type=ClipSidecar)
            made.append(np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]))
    assert np.array_equal(*made)
    metadata = sidecar.metadata
    assert (metadata.settings.seed, metadata.settings.options) == (
        5,
        {"steps": 2, "shaping": "off", "keep_seen": True},
    )
    assert metadata.weights_hash == "random-tiny-0"
    assert metadata.draft
    assert "torch" in metadata.engine_version
