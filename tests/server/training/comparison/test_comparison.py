"""Clips by two networks on one base, made by the sampler, measured, and gone on with after a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from safetensors.torch import load_file, save_file  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from server.cli import app  # noqa: E402
from server.model.config import TRAINABLE  # noqa: E402
from server.model.errors import CheckpointError  # noqa: E402
from server.training.checkpoints import CAMERA, complete  # noqa: E402
from server.training.comparison.comparison import Comparison, Part, held_out, read_part  # noqa: E402
from server.training.comparison.networks import UNTRAINED, Networks, read_modules  # noqa: E402
from server.training.comparison.rows import Row, joined_rows, table_rows  # noqa: E402
from server.training.comparison.settings import ComparisonSettings  # noqa: E402
from server.training.comparison.shots import filmed_clip, path_of, shot_of  # noqa: E402
from server.training.config import ConfigError  # noqa: E402
from server.training.nano.config import read_nano_config  # noqa: E402
from server.training.trained_set import camera_tensors  # noqa: E402
from tests.support.model.tiny_training import NAME, SIDE, SMALLER, forget_precision, write_tiny_training  # noqa: E402

CONFIG = replace(SMALLER, size=(SIDE, SIDE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_training(tmp_path_factory.mktemp("compared")).folder


@pytest.fixture(scope="module")
def networks(folder: Path) -> Networks:
    return Networks(CONFIG, folder / "base.safetensors", folder / "words")


def moved(networks: Networks, file: Path) -> str:
    """Camera modules that are no longer those of the base."""
    draw = torch.Generator().manual_seed(3)
    untrained = networks.modules("").tensors
    save_file({key: t + 0.05 * torch.randn(t.shape, generator=draw) for key, t in untrained.items()}, file)
    return str(file)


def test_the_tables_have_the_rows_of_the_question() -> None:
    settings = ComparisonSettings(absolute=("a", "b"), relative=("r",))
    rows = {row.name: row for row in table_rows(settings)}
    assert list(rows) == [
        *("filmed", "rebuilt", "base", "relative", "relative, given metres"),
        *("absolute", "base, shaped", "absolute, shaped"),
    ]
    assert rows["relative"].own_unit
    assert not rows["relative, given metres"].own_unit
    assert rows["absolute, shaped"].networks == ("a", "b")
    joined = {row.name: row for row in joined_rows(settings)}
    assert joined["continuation, told"].told
    assert not joined["continuation, absolute"].told
    assert "loop, basic alone" not in joined
    with pytest.raises(ConfigError, match="K/N"):
        read_part("3/2")
    assert read_part("2/2") == Part(2, 2)


def test_the_shot_of_a_row(folder: Path) -> None:
    (clip,) = held_out(folder / "validation", 9, folder, 1)
    filmed = filmed_clip(clip, CONFIG, CONFIG.size)
    assert filmed is not None
    assert np.abs(filmed.frames.astype(int) - clip.read(range(3))).max() <= 1
    metres, own = (shot_of(filmed, Row("x", own_unit=unit)) for unit in (False, True))
    np.testing.assert_allclose(own.poses[:, :3, 3] * filmed.unit, metres.poses[:, :3, 3])
    assert metres.preview is None
    preview = shot_of(filmed, Row("x", shaped=True)).preview
    assert preview is not None
    seen = preview[0, ..., 3] == 255
    assert seen.mean() > 0.8
    assert np.abs(preview[0, ..., :3].astype(int) - filmed.frames[0])[seen].mean() < 8, (
        "the photo, as its camera saw it"
    )
    loop = shot_of(filmed, Row("x", mode="loop"))
    np.testing.assert_array_equal(loop.poses[0], loop.poses[-1])
    assert loop.held[0].frames == (0, 2)
    (ending,) = shot_of(filmed, Row("x", mode="interpolation")).held
    assert ending.frames == (2,)
    assert path_of("loop", 9) == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert path_of("loop", 16) == [*range(8), *range(7, -1, -1)]
    longer = shot_of(filmed, Row("x", mode="continuation"))
    assert path_of("continuation", 3) == [0, 0, 1, 2, 2]
    assert len(path_of("continuation", 16)) == 28
    np.testing.assert_allclose(longer.poses[[0, -1]], metres.poses[[0, -1]], atol=1e-9)


def test_clips_are_made_once_and_tabulated(networks: Networks, folder: Path, tmp_path: Path) -> None:
    place = moved(networks, tmp_path / "camera.safetensors")
    settings = ComparisonSettings(absolute=(place,), clips=2, shown=1, steps=1, guidance=1.0)
    rows = [row for row in table_rows(settings) if row.name in ("filmed", "base", "absolute")]
    clips = held_out(folder / "validation", 9, tmp_path, 2)
    comparison = Comparison(networks, rows, settings, clips, tmp_path / "out")
    first = [take for _, _, take in comparison.make(Part(1, 2))]
    assert [take.key.row for take in first] == ["filmed", "base", "absolute"]
    assert first[0].errors is not None, "the camera of a clip as it was filmed is found"
    assert first[0].way in (1.0, None)
    assert first[1].key.network == UNTRAINED != first[2].key.network
    assert first[1].features != first[2].features
    assert len(list(comparison.make(Part()))) == 3, "the other clip's"
    assert not list(comparison.make(Part()))
    (again,) = comparison.takes()["base"][:1]
    assert again == first[1]
    text = comparison.write()
    assert "| filmed | 1 | 2 | 0% |" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"table.md", "table.json", "table.png"}
    other = Comparison(networks, rows, ComparisonSettings(absolute=(place,), steps=2), clips, tmp_path / "out")
    assert not other.takes()["base"], "made in another way"
    assert other.takes()["filmed"]


def test_the_same_clip_each_time(networks: Networks, folder: Path, tmp_path: Path) -> None:
    """Whatever was made before it, and by whichever network."""
    place = moved(networks, tmp_path / "camera.safetensors")
    settings = ComparisonSettings(absolute=(place,), clips=1, shown=0, steps=1, guidance=1.0)
    clips = held_out(folder / "validation", 9, tmp_path, 1)
    base = Row("base")
    alone = Comparison(networks, [base], settings, clips, tmp_path / "one")
    ((_, _, one),) = alone.make(Part())
    after = Comparison(networks, [Row("absolute", (place,)), base], settings, clips, tmp_path / "two")
    *_, (_, _, other) = after.make(Part())
    assert one.features == other.features


def test_a_training_gives_its_running_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its newest checkpoint; where it kept none, the tensors as they are."""
    pytest.importorskip("accelerate", reason="accelerate is not installed: nothing was trained")
    monkeypatch.setitem(TRAINABLE, NAME, SMALLER)
    forget_precision()
    tiny = write_tiny_training(tmp_path)
    with pytest.raises(CheckpointError):
        read_modules(tiny.out, SMALLER)
    result = CliRunner().invoke(app, ["train", str(tiny.config(run="steps = 1\ncheckpoint_every = 1\nema = 0.9"))])
    assert result.exit_code == 0, result.output
    found = read_modules(tiny.out, SMALLER)
    last = load_file(complete(tiny.out / "checkpoints")[-1] / CAMERA)
    assert set(found.tensors) == set(last)
    assert any((found.tensors[key] != tensor).any() for key, tensor in last.items())
    networks = Networks(SMALLER, tiny.folder / "base.safetensors", tiny.folder / "words")
    networks.with_modules(str(tiny.out))
    inside = camera_tensors(networks.model)
    assert all(torch.equal(inside[key], tensor) for key, tensor in found.tensors.items())
    forget_precision()


def test_the_configuration_that_comes_with_the_program() -> None:
    config = read_nano_config(Path("server/training/nano/configs/two-cores.toml"))
    assert config.table.absolute == ("runs/nano/absolute",)
    assert config.table.clips >= 100


def test_shares_of_more_than_all_samples_are_refused(tmp_path: Path) -> None:
    file, pace = tmp_path / "nano.toml", "steps = 1\nbatch = 1\nlearning_rate = 1e-3"

    def shares(interpolation: float, continuation: float) -> None:
        told = f"interpolation = {interpolation}\ncontinuation = {continuation}"
        file.write_text(f"worlds = 'w'\nout = 'o'\n[vae]\n{pace}\n[base]\n{pace}\n{told}\n", encoding="utf-8")

    shares(0.9, 0.1)
    assert min(read_nano_config(file).base.mix.values()) == 0.0
    shares(0.9, 0.2)
    with pytest.raises(ConfigError, match="together at most 1"):
        read_nano_config(file)
