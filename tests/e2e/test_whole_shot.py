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
from rich.console import Console

from blender_addon.core.payloads.clip import ClipSidecar, pixels_sha256
from blender_addon.core.protocol.capability import SettingValue
from server.demo.contact_sheet import SMALLEST
from server.demo.demo import FIRST, LAST, DemoOptions, DemoResult, run_demo
from server.engines.random_weights import RANDOM_WEIGHTS
from server.packages import MODEL_PACKAGES, absent_packages

pytestmark = pytest.mark.blender


CLIP_SIDE = {"draft": 256, "realcam": 128}
CLIP_FRAMES = {"draft": 8, "realcam": 16}
ENGINE_OPTIONS: dict[str, dict[str, SettingValue]] = {"draft": {}, "realcam": {"steps": 2}}
ENDING = np.full((200, 320, 3), (200, 30, 60), np.uint8)
"""What the last frame of `realcam` is to show; the draft cannot end at an image."""


class WholeShot(NamedTuple):
    engine: str
    out: Path
    made: DemoResult

    @property
    def count(self) -> int:
        return CLIP_FRAMES[self.engine]

    @property
    def side(self) -> int:
        return CLIP_SIDE[self.engine]

    @property
    def take(self) -> Path:
        return self.made.files["clip frames"].parent

    @property
    def frames(self) -> list[Path]:
        return sorted((self.take / "frames").glob("*.png"))


@pytest.fixture(scope="module", params=("draft", "realcam"))
def whole_shot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeShot]:
    """The demo, smaller, made once for each engine; `realcam` with a tiny model of random weights."""
    pytest.importorskip("bpy")
    engine = str(request.param)
    if engine == "realcam" and (absent := absent_packages(MODEL_PACKAGES, extra="models")):
        pytest.skip(f"the engine realcam was not run: {absent}")
    folder = tmp_path_factory.mktemp("shot")
    Image.fromarray(ENDING).save(folder / "ending.png")
    options = DemoOptions(
        folder / "out",
        engine=engine,
        engine_options=ENGINE_OPTIONS[engine],
        prompt="a motorcycle",
        seed=7,
        clip_size=(CLIP_SIDE[engine], CLIP_SIDE[engine]),
        clip_frames=CLIP_FRAMES[engine],
        last_image=folder / "ending.png" if engine == "realcam" else None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REALCAM_CONFIG_DIR", str(folder / "config"))
        patch.setenv(RANDOM_WEIGHTS, "tiny")
        yield WholeShot(engine, options.out, run_demo(options, Console(quiet=True)))


@pytest.fixture
def opened(whole_shot: WholeShot) -> Iterator[Any]:
    """The .blend that was left, opened in this process: its scene."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(whole_shot.made.files["Blender file"]))
    yield bpy.context.scene
    bpy.ops.wm.read_factory_settings(use_empty=True)


def test_the_take_is_beside_the_blend(whole_shot: WholeShot) -> None:
    assert whole_shot.take.is_relative_to(whole_shot.out / "realcam")
    assert len(whole_shot.frames) == whole_shot.count
    for name in ("clip.mp4", "preview.mp4"):
        with av.open(str(whole_shot.out / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == whole_shot.count


def test_coverage_and_times_were_told(whole_shot: WholeShot) -> None:
    coverage = whole_shot.made.coverage
    assert len(coverage) == whole_shot.count
    assert coverage[0] > coverage[-1] > 0.3
    assert {"start the server", "import the photo", "Rendering the preview", "Generating"} <= set(
        whole_shot.made.seconds
    )


def test_the_contact_sheet_shows_photo_preview_and_clip(whole_shot: WholeShot) -> None:
    sheet = Image.open(whole_shot.out / "contact_sheet.png")
    assert sheet.width > 3 * whole_shot.side
    assert sheet.height > 5 * whole_shot.side
    # Clips as small as these are shown at twice or three times their size.
    factor = -(-SMALLEST // whole_shot.side)
    last = np.asarray(Image.open(whole_shot.frames[-1]).convert("RGB")).repeat(factor, axis=0).repeat(factor, axis=1)
    right = np.asarray(sheet)[:, -last.shape[1] - 12 : -12]
    assert any(np.array_equal(right[top : top + len(last)], last) for top in range(len(right) - len(last)))


def test_what_made_the_clip_is_in_it(whole_shot: WholeShot) -> None:
    sidecar = msgspec.json.decode((whole_shot.take / "metadata.json").read_bytes(), type=ClipSidecar)
    made = sidecar.metadata
    assert (made.engine, made.settings.seed, made.settings.prompt) == (whole_shot.engine, 7, "a motorcycle")
    always = {"keep_seen": True} if whole_shot.engine == "realcam" else {}
    assert made.settings.options == ENGINE_OPTIONS[whole_shot.engine] | always
    assert made.last_image_sha256 == (pixels_sha256(ENDING) if whole_shot.engine == "realcam" else "")
    assert made.weights_hash == ("random-tiny-0" if whole_shot.engine == "realcam" else "")
    assert len(made.camera_to_world) == whole_shot.count
    assert np.allclose(made.camera_to_world[0], np.eye(4), atol=1e-4)
    # An arc, then a dolly zoom: the camera leaves the straight line and the focal length changes.
    centres = np.array(made.camera_to_world)[:, :3, 3]
    chord = np.linalg.norm(centres[-1] - centres[0])
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).sum() > 1.05 * chord
    assert made.intrinsics[-1][0][0] < 0.9 * made.intrinsics[0][0][0]
    # The video is the same whenever it is made: how long that took stands beside it.
    timeless = msgspec.structs.replace(sidecar, metadata=msgspec.structs.replace(made, seconds=0.0))
    with av.open(str(whole_shot.take / "clip.mp4")) as container:
        assert msgspec.json.decode(container.metadata["comment"].encode(), type=ClipSidecar) == timeless


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
    # 1280 x 800 lies in the clip as wide as it, centred: at this share the render has the clip's own pixels.
    side, height = whole_shot.side, whole_shot.side * 800 // 1280
    opened.render.resolution_percentage = 100 * side // 1280
    for scene_frame, clip_frame in ((FIRST, 0), (LAST, whole_shot.count - 1)):
        shown = _rendered(opened, scene_frame, tmp_path / f"{scene_frame}.png")
        clip = (
            Image.open(whole_shot.frames[clip_frame])
            .convert("RGB")
            .crop((0, (side - height) // 2, side, (side + height) // 2))
        )
        expected = np.asarray(clip).astype(int)
        assert shown.shape == expected.shape
        # Blender's filter softens the noise that random weights paint; where the picture lies can still be told.
        assert np.median(np.abs(shown - expected)) <= 4
        shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        assert min(shifts, key=lambda s: np.abs(shown - np.roll(expected, s, axis=(0, 1))).mean()) == (0, 0)


def _rendered(scene: Any, frame: int, path: Path) -> NDArray[np.int64]:
    """[H, W, 3]: what Blender renders of the sequencer at a frame."""
    import bpy

    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)
