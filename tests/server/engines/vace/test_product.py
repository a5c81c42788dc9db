"""Shots sent to a real server and made there by the engines on pipelines, with tiny random networks."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.engines.random_weights import RANDOM_WEIGHTS
from server.terminal.local_service import local_service
from tests.support.shots import realcam_shot, sideways

FRAMES = 16
"""No count that any of these networks makes."""


def asked(bike: Motorcycle, **options: object) -> Shot:
    """A small shot for the engine `vace`."""
    shot = realcam_shot(bike, sideways(FRAMES, 128, 64))
    settings = msgspec.structs.replace(shot.settings, engine="vace", options={"steps": 2, **options})  # type: ignore[dict-item]
    return replace(shot, settings=settings)


def test_shots_become_clips_and_a_cancel_ends_one(
    bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RANDOM_WEIGHTS, "tiny")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with (
        local_service(tmp_path / "jobs", tmp_path / "server.log", patience=120.0) as address,
        Client(address, "test", "test 1") as client,
    ):
        engine = next(e for e in client.connect().engines if e.name == "vace")
        assert engine.unavailable == ""
        assert engine.draft, "and says that its weights are random"
        cancelled = uuid.uuid4().hex
        client.submit(cancelled, encode_shot(asked(bike, steps=100)), "vace", "bike")
        for event in client.follow(cancelled):
            if not isinstance(event, StateEvent) and event.stage == "Sampling":
                client.cancel(cancelled)
            last = event
        assert isinstance(last, StateEvent)
        assert last.state is JobState.CANCELLED, last.reason
        job = uuid.uuid4().hex
        client.submit(job, encode_shot(asked(bike, keep_seen=True)), "vace", "bike")
        events = list(client.follow(job))
        assert isinstance(events[-1], StateEvent)
        assert events[-1].state is JobState.DONE, events[-1].reason
        files = client.fetch(job, tmp_path / "clip")
    with av.open(str(next(f for f in files if f.name == "clip.mp4"))) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert np.stack(frames).shape == (FRAMES, 64, 128, 3)
