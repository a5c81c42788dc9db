"""kill -9 of the server while Blender waits for its clip, and a new one in its place: the shot is finished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.core.payloads.shot import ShotSettings
from server.demo.headless_blender import run_plan
from tests.support.plans import CLIP_FRAMES, small_plan
from tests.support.servers import PRODUCT_ENGINES, RunningServer

pytestmark = pytest.mark.blender


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A server with the product's engines, whose keys headless Blender finds, too."""
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))
    running = RunningServer(
        tmp_path / "jobs", tmp_path / "config", log=tmp_path / "server.log", engines=PRODUCT_ENGINES
    ).start()
    yield running
    running.stop()


def test_killed_and_started_again_in_mid_job(server: RunningServer, tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    kills = 0
    take = Path()
    previewed = set()
    for report in run_plan(small_plan(tmp_path, server.address), tmp_path / "logs"):
        if report.stage == "Rendering the preview" and report.steps:
            previewed.add(report.step)
        if report.stage == "Generating" and 0 < report.step < report.steps and not kills:
            server.kill()
            server.start()
            kills += 1
        take = Path(report.take_folder) if report.take_folder else take
    assert previewed >= {1, CLIP_FRAMES}
    assert kills == 1
    assert len(list((take / "frames").glob("*.png"))) == CLIP_FRAMES


def test_an_engine_the_server_does_not_have_is_said_in_words(server: RunningServer, tmp_path: Path) -> None:
    import msgspec

    from blender_addon.core.errors import ShotError

    pytest.importorskip("bpy")
    plan = msgspec.structs.replace(small_plan(tmp_path, server.address), settings=ShotSettings(engine="dream"))
    with pytest.raises(ShotError, match="The server has no engine 'dream'"):
        list(run_plan(plan, tmp_path / "logs"))
