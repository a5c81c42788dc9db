"""The time that an engine's clips take, by the server's earlier jobs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from blender_addon.core.protocol.capability import CHECK_MODE, EngineCapability
from blender_addon.core.protocol.engine_facts import EngineFacts, EnginePace
from server.demo.motorcycle import Motorcycle
from server.service.jobs.engine_pace import LATEST, clip_pixels, pace, with_paces
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from tests.support.shots import small_shot

DIGEST = "0" * 64
LIFE = (Cause.PAYLOAD_STORED, Cause.STARTED, Cause.CLIP_MADE)


def done(store: JobStore, engine: str, seconds: float, pixels: int, *before: Cause) -> None:
    """A job of the engine that is done, after losing workers where `before` says so."""
    number = store.counts().get("done", 0)
    job = store.create(f"job-{number:08d}", "anna", DIGEST, 10, engine, "title", 1.0)
    for cause in (Cause.PAYLOAD_STORED, *before, *LIFE[1:]):
        job = store.apply(job, cause, 2.0)
    store.apply(job, Cause.RESULTS_STORED, 3.0, engine_seconds=seconds, clip_pixels=pixels)


def test_the_middle_of_the_newest_clips_counts() -> None:
    assert pace([]) is None
    assert pace([(2.0, 1_000_000), (30.0, 3_000_000), (3.0, 1_000_000)]) == EnginePace(seconds=3.0, jobs=3)


def test_only_clips_made_in_one_attempt_tell(tmp_path: Path) -> None:
    """A second attempt has made a part of the clip alone; old rows do not say how large a clip was."""
    store = JobStore(tmp_path / "jobs.sqlite3")
    done(store, "slow", 999.0, 1_000_000)
    for _ in range(LATEST):
        done(store, "slow", 4.0, 2_000_000)
    done(store, "slow", 1.0, 1_000_000, Cause.STARTED, Cause.WORKER_LOST)
    done(store, "other", 8.0, 1_000_000)
    done(store, "before", 8.0, 0)
    assert store.latest_clips("slow", LATEST) == [(4.0, 2_000_000)] * LATEST
    assert store.latest_clips("before", LATEST) == []

    named = EngineCapability(name="slow", label="Slow", description="", sizes=((64, 40),), frame_counts=(1,))
    unknown, check = (msgspec.structs.replace(named, name=name) for name in ("new", "other"))
    told = with_paces((named, unknown, msgspec.structs.replace(check, modes=(CHECK_MODE,))), store)
    assert told[0].pace == EnginePace(seconds=pytest.approx(2.0), jobs=LATEST)
    assert [engine.pace for engine in told[1:]] == [msgspec.UNSET, msgspec.UNSET]
    store.close()


def test_an_engine_s_own_size_counts(bike: Motorcycle) -> None:
    """What it scales from one size takes as long for every other."""
    shot = small_shot(bike, frames=3)
    engine = EngineCapability(name="slow", label="Slow", description="", sizes=((64, 40),), frame_counts=(3,))
    own = msgspec.structs.replace(engine, about=EngineFacts(own_size=(1280, 704)))
    assert [clip_pixels(shot, made) for made in (engine, own)] == [3 * 64 * 40, 3 * 1280 * 704]
