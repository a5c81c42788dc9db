"""Rendered worlds: exact geometry, the same bytes every time, and clips that the rest of the product reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from blender_addon.core.camera.projection import intrinsics_from_fov, pixel_grid
from blender_addon.core.camera.trajectory import Trajectory
from server.cli import app
from server.datasets.align import AlignRecord
from server.datasets.clip_frames import read_frames
from server.datasets.posed_clip import open_posed_clip
from server.training.worlds.film import film, film_depth
from server.training.worlds.paths import KINDS, Drawn, path
from server.training.worlds.placement import Places
from server.training.worlds.surfaces import METRES
from server.training.worlds.wad import Wad
from server.training.worlds.world import World, carried_wads, open_world
from tests.support.worlds.small_wad import HALL, write_small_wad

pytest.importorskip("embreex", reason="embreex has no wheel for this machine: worlds cannot be rendered")


@pytest.fixture(scope="module")
def wad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("wad") / "small.wad"
    write_small_wad(file)
    return file


@pytest.fixture(scope="module")
def world(wad: Path) -> World:
    return open_world(Wad(wad), "MAP01")


def looking(x: float, y: float, z: float, count: int = 1, size: int = 32) -> Trajectory:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = (x, y, z)
    return Trajectory(poses, intrinsics_from_fov(size, size, np.radians(70)), size, size)


def test_depth_is_that_of_the_map_in_metres(world: World) -> None:
    """In the hall's north-west corner, where only walls, floor and ceiling are seen."""
    west, north, ceiling, eyes = HALL[0] * METRES, HALL[3] * METRES, 128 * METRES, 1.5
    camera = looking(-5.0, -eyes, 0.0)
    depth = film_depth(world, camera, [0])[0, :, :16]
    x, y = np.moveaxis((pixel_grid(32, 32) - 16)[:, :16] / camera.intrinsics[0, 0, 0], -1, 0)
    expected = np.minimum((west + 5.0) / x, np.where(y > 0, eyes, eyes - ceiling) / y)
    np.testing.assert_allclose(depth, np.minimum(north, expected), rtol=1e-6)


def test_a_film_has_no_cracks_and_does_not_depend_on_what_was_filmed_before(world: World) -> None:
    camera = looking(1.0, -1.2, -4.0, count=3)
    one, again = film(world, camera), film(world, camera)
    assert np.isfinite(film_depth(world, camera, [0, 2])).all()
    np.testing.assert_array_equal(one.frames, again.frames)
    np.testing.assert_array_equal(one.frames[0], one.frames[2])
    assert one.frames[0].std() > 12


def test_the_sky_is_infinitely_far(world: World) -> None:
    depth = film_depth(world, looking(12.0, -2.0, -5.0), [0])[0]
    assert np.isinf(depth[0, 4:-4]).all()
    assert np.isfinite(depth[-1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_has_the_speed_that_was_drawn(kind: str) -> None:
    moved = path(Drawn(kind, 0.03, 0.5, "linear"), looking(0, 0, 0), 16, 4.0, np.random.default_rng(1))
    np.testing.assert_allclose(moved.camera_to_world[0], np.eye(4), atol=1e-12)
    steps = np.linalg.norm(np.diff(moved.centres, axis=0), axis=1)
    if kind in {"pan", "tilt", "roll"}:
        assert steps.max() < 1e-12
    else:
        assert steps.mean() == pytest.approx(0.03, rel=0.35)


def arguments(out: Path, wad: Path) -> list[str]:
    numbers = ["--clips", "6", "--validation", "1", "--test", "1", "--width", "32", "--height", "24"]
    return ["data", "render", str(out), "--wad", str(wad), *numbers, "--frames", "4"]


def render(out: Path, wad: Path, *more: str) -> str:
    result = CliRunner().invoke(app, [*arguments(out, wad), *more])
    return result.output + ("" if result.exit_code == 0 else f"exit {result.exit_code}")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_set_has_the_same_bytes_however_it_was_made(wad: Path, tmp_path: Path) -> None:
    """By two processes; by one; and by one that was killed between two clips, or in the middle of another."""
    assert "6 to train" in render(tmp_path / "two", wad, "--processes", "2")
    assert "8 clips" in render(tmp_path / "one", wad, "--processes", "1")
    whole = contents(tmp_path / "two")
    assert contents(tmp_path / "one") == whole
    first, second = sorted((tmp_path / "one" / "train").iterdir())[:2]
    shutil.rmtree(first)
    second.rename(second.with_name(f".{second.name}.part"))
    assert "2 clips" in render(tmp_path / "one", wad, "--processes", "1")
    assert contents(tmp_path / "one") == whole
    assert "another set" in render(tmp_path / "one", wad, "--seed", "1")

    clip = open_posed_clip(first, depth=first / "depth")
    record = msgspec.json.decode((tmp_path / "one/aligned/train" / f"{first.name}.json").read_bytes(), type=AlignRecord)
    assert read_frames(first).shape == (4, 24, 32, 3)
    np.testing.assert_allclose(clip.trajectory.camera_to_world, record.camera_to_world, atol=1e-9)
    np.testing.assert_allclose(clip.trajectory.intrinsics, record.intrinsics, rtol=1e-9)
    depth = clip.depth(0)
    assert depth is not None
    assert clip.depth(1) is None
    assert not clip.notes
    maps = [{line.split("-")[1] for line in (place.name for place in (tmp_path / "one" / split).iterdir())}
            for split in ("train", "validation", "test")]  # fmt: skip
    assert maps == [{"MAP01", "MAP02", "MAP03", "MAP05", "MAP06", "MAP07"}, {"MAP04"}, {"MAP08"}]


def test_a_clip_that_lacks_a_file_is_made_again(wad: Path, tmp_path: Path) -> None:
    """Until then it is not counted, nor named as one to train on."""
    render(tmp_path, wad, "--processes", "1")
    whole = contents(tmp_path)
    clips, records = sorted((tmp_path / "train").iterdir()), tmp_path / "aligned" / "train"
    for name in ("frames/0002.png", "depth/0000.png", "caption.txt"):
        (clips[0] / name).unlink()
        assert "1 clips rendered" in render(tmp_path, wad, "--processes", "1")
        assert contents(tmp_path) == whole
    (clips[1] / "frames" / "0000.png").write_bytes(b"")
    (records / f"{clips[5].name}.json").unlink()
    fewer = render(tmp_path, wad, "--processes", "1", "--clips", "3")
    assert "1 clips rendered" in fewer
    assert "5 to train, 1 to validation, 1 to test" in " ".join(fewer.split())
    assert clips[5].name not in json.loads((records / "collection.json").read_bytes())["kept"]
    shutil.rmtree(records)
    assert "6 clips rendered" in render(tmp_path, wad, "--processes", "1")
    assert contents(tmp_path) == whole


def test_a_manifest_that_is_damaged_is_said(wad: Path, tmp_path: Path) -> None:
    render(tmp_path, wad)
    manifest = tmp_path / "manifest.json"
    for damaged in (manifest.read_bytes()[:40], b"[]", b'{"seed": "\xff"}', b""):
        manifest.write_bytes(damaged)
        said = " ".join(render(tmp_path, wad).split())
        assert "The folder's manifest is damaged" in said
        assert said.endswith("exit 1")


def test_processes_end_with_a_render_that_is_killed(wad: Path, tmp_path: Path) -> None:
    """Or they would go on, into the folder that the next render of the set works in."""
    script = f"from server.cli import app; app({[*arguments(tmp_path / 'set', wad), '--processes', '2']!r})"
    killed = psutil.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    try:
        while not (begun := [p for p in killed.children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]):
            assert killed.poll() is None
            time.sleep(0.01)
    finally:
        killed.kill()
        killed.wait()
    assert psutil.wait_procs(begun, timeout=60)[1] == []
    assert "6 to train" in render(tmp_path / "set", wad, "--processes", "1")


def test_paint_gives_every_surface_a_colour_and_leaves_the_shape(wad: Path, world: World) -> None:
    painted = open_world(Wad(wad), "MAP01", painted=True)
    camera = looking(-5.0, -1.5, 0.0)
    np.testing.assert_array_equal(film_depth(painted, camera, [0]), film_depth(world, camera, [0]))
    surfaces = painted.surfaces
    pairs = {(int(number), tuple(tint)) for number, tint in zip(surfaces.surface, surfaces.tint.tolist(), strict=True)}
    assert len(pairs) == len({number for number, _ in pairs}) == len({tint for _, tint in pairs})
    walls = np.flatnonzero(~surfaces.is_floor)
    assert len(set(surfaces.surface[walls])) < len(walls)
    hues = film(painted, camera).frames[0].reshape(-1, 3).astype(float)
    plain = film(world, camera).frames[0].reshape(-1, 3).astype(float)
    assert np.ptp(hues, axis=1).mean() > 1.5 * np.ptp(plain, axis=1).mean()


def test_a_path_moves_what_is_seen_as_much_as_was_asked(world: World) -> None:
    places = Places(world, motion=(0.1, 0.2))
    for number in range(4):
        moved = places.find(np.random.default_rng(number), 8, 32, 24).trajectory
        depth = film_depth(world, moved, [0])[0].astype(np.float64)
        grid = pixel_grid(32, 24)
        lens = moved.intrinsics[0]
        local = np.dstack([(grid - lens[:2, 2]) / lens[[0, 1], [0, 1]], np.ones((24, 32))]) * depth[..., None]
        seen = local.reshape(-1, 3)[np.isfinite(depth).ravel()]
        there = moved.camera_to_world[0] @ np.vstack([seen.T, np.ones(len(seen))])
        end = lens @ (np.linalg.inv(moved.camera_to_world[-1]) @ there)[:3]
        ahead = end[2] > 0.05
        shift = np.linalg.norm(end[:2] / end[2] - grid.reshape(-1, 2)[np.isfinite(depth).ravel()].T, axis=0)[ahead] / 32
        assert 0.08 < np.minimum(shift, 0.5).mean() < 0.25


def test_a_set_that_was_begun_before_there_was_paint_goes_on(wad: Path, tmp_path: Path) -> None:
    render(tmp_path, wad)
    assert "painted" not in (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert "0 clips" in render(tmp_path, wad, "--motion", "0", "0")
    assert "painted is None, not True" in " ".join(render(tmp_path, wad, "--painted").split())


def test_a_set_that_was_painted_otherwise_is_not_gone_on_with(wad: Path, tmp_path: Path) -> None:
    render(tmp_path, wad, "--painted")
    manifest = tmp_path / "manifest.json"
    stronger = json.loads(manifest.read_text(encoding="utf-8"))
    stronger["paint"]["grey"][1] *= 2
    manifest.write_text(json.dumps(stronger), encoding="utf-8")
    assert "its paint is" in " ".join(render(tmp_path, wad, "--painted").split())


def test_what_is_no_wad_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.wad").write_bytes(b"no map here")
    assert "no WAD file" in render(tmp_path / "out", tmp_path / "notes.wad")


def test_a_map_of_freedoom(tmp_path: Path) -> None:
    pytest.importorskip("vizdoom", reason="vizdoom is not installed: no maps of Freedoom")
    world = open_world(Wad(carried_wads()[1]), "MAP01")
    assert world.surfaces.broken == ()
