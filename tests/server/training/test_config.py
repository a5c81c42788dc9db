"""A training's configuration: those that come with the program, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.training.config import CONFIGS, ConfigError, RunSettings, read_config

GOOD = 'variant = "realcam-256"\nbase = "b"\ntokenizer = "k"\nout = "o"\n[data]\ntrain = "t"\n'


def test_those_that_come_with_the_program() -> None:
    found = {file.stem: read_config(file) for file in CONFIGS.glob("*.toml")}
    assert set(found) == {"realcam-256", "realcam-512", "realcam-512-interp", "realcam-1024", "nano", "nano-relative"}
    for name in ("realcam-256", "realcam-512"):
        config = found[name]
        assert config.variant == name
        assert (config.run.steps, config.run.batch, config.run.accumulation(8)) == (50_000, 64, 8)
        assert config.data.stride == (1, 10)
        assert config.mix.shares() == {"repeat": 1.0}
        assert (config.optimizer.learning_rate, config.optimizer.weight_decay) == (1e-4, 1e-2)
    absolute, relative = (found[name] for name in ("nano", "nano-relative"))
    in_metres = msgspec.structs.replace(relative.data, scale="absolute")
    assert msgspec.structs.replace(relative, out=absolute.out, data=in_metres) == absolute, "but for the scale"


def test_published_makes_the_published_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(GOOD)
    mended = read_config(file)
    assert mended.optimizer_rules().max_gradient_norm == 4.0
    assert not mended.optimizer_rules().divide_twice
    assert not mended.rules().half_precision
    file.write_text("published = true\n" + GOOD)
    published = read_config(file)
    assert published.optimizer_rules().max_gradient_norm == 0.5
    assert published.optimizer_rules().divide_twice
    assert published.rules().half_precision


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("varient = 'x'\n" + GOOD, "Is variant meant"),
        (GOOD + "recrds = 3\n", "Is data.records meant"),
        (GOOD + "[optimizer]\nlearning_rat = 1.0\n", "Is optimizer.learning_rate meant"),
        (GOOD.replace("realcam-256", "realcam-265"), "Is realcam-256 meant"),
        (GOOD + "[mix]\nends = 0.5\n", "do not sum to 1: 1.5"),
        (GOOD + "stride = [0, 3]\n", r"data.stride is \[0, 3\]"),
        (GOOD + "[run]\nprecision = 'half'\n", "precision"),
        (GOOD + "[run]\ncheckpoint_every = 0\n", "run.checkpoint_every is 0.*at least 1"),
        ("size = [320, 200]\n" + GOOD, "multiples of 64"),
        (GOOD.replace('out = "o"\n', ""), "out"),
        ("timestep_shift = 0.0\n" + GOOD, "timestep_shift is 0.0"),
        ("timestep_shift = inf\n" + GOOD, "timestep_shift is inf"),
        ("published = true\ntimestep_shift = 2.0\n" + GOOD, "1 where published"),
        ("published = true\ncondition_frame = 'first'\n" + GOOD, "random where published"),
        ("correspondence = -0.1\n" + GOOD, "correspondence is -0.1"),
        ("published = true\ncorrespondence = 0.1\n" + GOOD, "0 where published"),
        ("correspondence = 0.1\n" + GOOD + "[run]\nrecompute = true\n", "false where correspondence"),
        (GOOD + "[optimizer]\nmax_gradient_norm = inf\n", "optimizer.max_gradient_norm is inf.*a number"),
        (GOOD + "[optimizer]\nbetas = [0.9, nan]\n", "optimizer.betas is nan.*a number"),
        (GOOD + "[optimizer]\nbetas = [2.0, 0.9]\n", "two numbers from 0 to below 1"),
        (GOOD + "[optimizer]\nweight_decay = -1.0\n", "optimizer.weight_decay is -1.0.*at least 0"),
        (GOOD + "[optimizer]\nepsilon = 0.0\n", "optimizer.epsilon is 0.0"),
        (GOOD + "[run]\nseed = -1\n", "run.seed is -1"),
        (GOOD + "[run]\nbatch = 3\nbatch_per_process = 2\n", "run.batch is 3.*a multiple of run.batch_per_process, 2"),
        (GOOD + "[mix]\nends = -0.5\n", "mix.ends is -0.5"),
        (GOOD + "fps = 0.0\n", "data.fps is 0.0"),
        (GOOD + "[validation.data]\ntrain = 'v'\nfps = -1.0\n", "validation.data.fps is -1.0"),
        (GOOD + "[validation.data]\ntrain = 'v'\nlayout = 'bogus'\n", "'aligned' or 'realestate10k' or 'realcam-vid'"),
        (GOOD + "[validation]\ntimesteps = []\n", r"validation.timesteps is \[\]"),
        (GOOD + "[validation]\nsampling_steps = 10000\n", "from 1 to 1000"),
        (GOOD + "[run]\ntracker = 'tensorbord'\n", "'auto' or 'tensorboard' or 'wandb' or 'none'"),
        (GOOD.replace('out = "o"', 'out = ""'), "out is ''"),
        (GOOD.replace('base = "b"', 'base = "~/b"'), "base is ~/b.*written in full"),
        ("= 3", "no TOML"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_config(file)


def test_what_another_system_wrote(tmp_path: Path) -> None:
    """A mark of the byte order, and lines that end as on Windows."""
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_config(file).out == "o"


def test_a_batch_that_does_not_divide() -> None:
    with pytest.raises(ConfigError, match="multiple of 6"):
        RunSettings(batch=64, batch_per_process=2).accumulation(3)
    assert RunSettings(batch=64).accumulation(2) == 32
