"""A shot in Blender, a real server, an engine on a pipeline with a tiny random network: a take on the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.support.servers import running_server

pytest.importorskip("torch", reason="torch is not installed: the engines on pipelines were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the engines on pipelines were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the engines on pipelines were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the engines on pipelines were not run")

pytestmark = pytest.mark.blender

WIDTH, HEIGHT, FRAMES = 128, 64, 16


@pytest.fixture(scope="session")
def test_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the engines on pipelines."""
    folder = tmp_path_factory.mktemp("pipelines")
    with running_server(folder, "tests.support.engines.quick_pipelines:engines") as server:
        yield str(server.address)


def test_a_shot_becomes_a_take_of_each_engine_on_a_pipeline_by_one_press(quick: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.engine_options import use_options
    from tests.support.addon import connected

    connected(quick, lambda: jobs.connected)
    settings = shot.realcam
    settings.clip_width, settings.clip_height, settings.clip_frames = WIDTH, HEIGHT, FRAMES
    shot.render.resolution_x, shot.render.resolution_y = 2 * WIDTH, 2 * HEIGHT
    settings.engine_name = "vace"
    # So small a preview has no cell that is wholly seen: nothing to hold to.
    use_options(settings, {"steps": 2, "hold": "off"})
    for name in ("wan-i2v", "sana-wm"):
        quick.ops.realcam.also_engine(engine=name)
    assert quick.ops.realcam.generate() == {"FINISHED"}, jobs.view
    takes = takes_of(shot)
    assert [(take.settings.engine, take.shot, take.number) for take in takes] == [
        (name, f"shot {name}", 1) for name in ("vace", "wan-i2v", "sana-wm")
    ]
    assert takes[0].settings.options["steps"] == 2
    assert len({(take.frame_start, take.frame_end, take.settings.seed) for take in takes}) == 1
    strips = {strip.name: strip.channel for strip in shot.sequence_editor.strips_all}
    assert strips == {f"shot {name}, take 1": 1 + n for n, name in enumerate(("vace", "wan-i2v", "sana-wm"))}
