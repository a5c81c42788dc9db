"""A photo becomes a clip on the timeline: headless Blender, real server process, real photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.headless_plan import HeadlessPlan, HeadlessReport
from blender_addon.core.shot import ClipSidecar
from server.demo.headless_blender import run_plan
from server.local_service import local_service
from tests.e2e.conftest import CLIP_FRAMES, CLIP_SIZE, FIRST, LAST, small_plan

pytestmark = pytest.mark.blender


class WholeShot(NamedTuple):
    plan: HeadlessPlan
    reports: list[HeadlessReport]
    take: Path

    @property
    def frames(self) -> list[Path]:
        return sorted((self.take / "frames").glob("*.png"))


@pytest.fixture(scope="module")
def whole_shot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeShot]:
    """One shot, made once for the tests of this file."""
    pytest.importorskip("bpy")
    folder = tmp_path_factory.mktemp("shot")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALCAM_CONFIG_DIR", str(folder / "config"))
        with local_service(folder / "jobs", folder / "server.log") as address:
            plan = small_plan(folder, address)
            reports = list(run_plan(plan, folder / "logs"))
            yield WholeShot(plan, reports, Path(reports[-1].take_folder))


@pytest.fixture
def opened(whole_shot: WholeShot) -> Iterator[Any]:
    """The .blend that was left, opened in this process: its scene."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=whole_shot.plan.blend)
    yield bpy.context.scene
    bpy.ops.wm.read_factory_settings(use_empty=True)


def test_the_take_is_beside_the_blend(whole_shot: WholeShot) -> None:
    assert whole_shot.take.is_relative_to(Path(whole_shot.plan.blend).parent / "realcam")
    assert len(whole_shot.frames) == CLIP_FRAMES
    with av.open(str(whole_shot.take / "clip.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == CLIP_FRAMES


def test_progress_and_coverage_were_told(whole_shot: WholeShot) -> None:
    previewed = {r.step for r in whole_shot.reports if r.stage == "Rendering the preview" and r.steps == CLIP_FRAMES}
    assert previewed >= {1, CLIP_FRAMES}
    assert any(r.stage == "Generating" and r.step > 0 for r in whole_shot.reports)
    coverage = whole_shot.reports[-1].coverage
    assert len(coverage) == CLIP_FRAMES
    assert coverage[0] > coverage[-1] > 0.3


def test_what_made_the_clip_is_in_it(whole_shot: WholeShot) -> None:
    sidecar = msgspec.json.decode((whole_shot.take / "metadata.json").read_bytes(), type=ClipSidecar)
    made = sidecar.metadata
    assert (made.engine, made.settings.seed, made.settings.prompt) == ("draft", 7, "a motorcycle")
    assert len(made.camera_to_world) == CLIP_FRAMES
    assert np.allclose(made.camera_to_world[0], np.eye(4), atol=1e-4)
    # An arc, then a dolly zoom: the camera leaves the straight line and the focal length changes.
    centres = np.array(made.camera_to_world)[:, :3, 3]
    chord = np.linalg.norm(centres[-1] - centres[0])
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).sum() > 1.05 * chord
    assert made.intrinsics[-1][0][0] < 0.9 * made.intrinsics[0][0][0]
    with av.open(str(whole_shot.take / "clip.mp4")) as container:
        assert msgspec.json.decode(container.metadata["comment"].encode(), type=ClipSidecar) == sidecar


def test_the_strip_lasts_the_shot(opened: Any) -> None:
    from blender_addon.blender_versions import strip_span

    (strip,) = opened.sequence_editor.strips_all
    assert strip_span(strip) == (FIRST, LAST + 1)


def test_the_artist_can_go_on(opened: Any) -> None:
    assert opened.camera.animation_data.action is not None
    assert opened.camera.data.animation_data.action is not None
    assert (opened.frame_start, opened.frame_end) == (FIRST, LAST)
    assert (opened.render.resolution_x, opened.render.resolution_y) == (1280, 800)


def test_the_strip_shows_the_clip(opened: Any, whole_shot: WholeShot, tmp_path: Path) -> None:
    # 1280 x 800 lies in the clip's 256 x 256 as 256 x 160, centred: at 20 % the render has the clip's own pixels.
    opened.render.resolution_percentage = 20
    for scene_frame, clip_frame in ((FIRST, 0), (LAST, CLIP_FRAMES - 1)):
        shown = _rendered(opened, scene_frame, tmp_path / f"{scene_frame}.png")
        clip = Image.open(whole_shot.frames[clip_frame]).convert("RGB").crop((0, 48, CLIP_SIZE[0], 208))
        expected = np.asarray(clip).astype(int)
        assert shown.shape == expected.shape
        assert np.median(np.abs(shown - expected)) <= 2


def _rendered(scene: Any, frame: int, path: Path) -> NDArray[np.int64]:
    """[H, W, 3]: what Blender renders of the sequencer at a frame."""
    import bpy

    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)
