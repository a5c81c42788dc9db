"""`realcam train` as a whole: from files to checkpoints and curves, killed at will, and refusing in words."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from safetensors.torch import load_file, save_file  # noqa: E402

from server.cli import app  # noqa: E402
from server.model.config import TRAINABLE  # noqa: E402
from server.training.checkpoints import CAMERA, complete  # noqa: E402
from server.training.config import DataSettings, RunSettings, TrainingConfig  # noqa: E402
from server.training.exports.run_record import read_run  # noqa: E402
from server.training.memory import is_out_of_memory, out_of_memory  # noqa: E402
from server.training.run_folder import MetricsFile, only_training  # noqa: E402
from tests.support.model.tiny_training import (  # noqa: E402
    NAME,
    SMALLER,
    TinyTraining,
    forget_precision,
    write_tiny_training,
)

STEPS = 6
RUN = f"steps = {STEPS}\ncheckpoint_every = 1\nkeep = 2"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TinyTraining:
    return write_tiny_training(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module", autouse=True)
def _smaller() -> Iterator[None]:
    """The variant is known; one thread, so that sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRAINABLE, NAME, SMALLER)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(files: TinyTraining, tmp_path: Path) -> TinyTraining:
    """The files of a training, with a folder of its own to run in."""
    forget_precision()
    return replace(files, out=tmp_path / "out")


@pytest.fixture(scope="module")
def undisturbed(files: TinyTraining, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of STEPS steps that nobody killed."""
    forget_precision()
    made = replace(files, out=tmp_path_factory.mktemp("undisturbed") / "out")
    assert "3 clips; left out: 0" in train(made.config(run=RUN))
    assert [step for step, _ in losses(made.out)] == list(range(1, STEPS + 1))
    return made.out


def train(config: Path, *more: str) -> str:
    result = CliRunner().invoke(app, ["train", str(config), *more])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def losses(out: Path) -> list[tuple[float | None, float | None]]:
    return [(line["step"], line["train/loss"]) for line in MetricsFile(out).lines() if "train/loss" in line]


def live_until(step: int, config: Path, out: Path) -> list[psutil.Process] | None:
    """Train in a process of its own that is killed as soon as this step is written down.

    Returns:
        The processes that it had begun; None where it ended by itself.
    """
    child = os.fork()
    if child == 0:
        try:
            train(config)
        finally:
            os._exit(0)
    ended, status = 0, 0
    while not ended and max((int(at or 0) for at, _ in losses(out)), default=0) < step:
        time.sleep(0.01)
        ended, status = os.waitpid(child, os.WNOHANG)
    begun: list[psutil.Process] = []
    if not ended:
        begun = psutil.Process(child).children(recursive=True)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return begun if os.WIFSIGNALED(status) else None


def test_the_same_curve_after_ten_kills(tiny: TinyTraining, undisturbed: Path, tmp_path: Path) -> None:
    """Killed from outside while the step after the drawn one, its checkpoint or the start is under way."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork: no training was killed")
    killed = tmp_path / "killed"
    config = tiny.config(run=RUN, out=str(killed))
    drawn = sorted(random.Random(20230211).choices(range(1, STEPS), k=10))
    assert all(live_until(step, config, killed) is not None for step in drawn)
    assert "Going on from step" in train(config)
    assert losses(killed) == losses(undisturbed)
    with (killed / "metrics.jsonl").open("ab") as stream:
        stream.write(bytes(40) + b"\n")  # as a power cut leaves it
    said = train(config)
    assert f"{STEPS} steps are done" in said
    assert "Going on" not in said
    assert losses(killed) == losses(undisturbed)
    one, other = (load_file(complete(folder / "checkpoints")[-1] / CAMERA) for folder in (undisturbed, killed))
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    assert len(complete(killed / "checkpoints")) == 2


def test_decoding_processes_end_with_a_killed_training(tiny: TinyTraining, undisturbed: Path, tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork: no training was killed")
    killed = tmp_path / "killed"
    config = tiny.config(run=RUN, out=str(killed))
    config.write_text(config.read_text().replace("workers = 0", "workers = 1"))
    begun = live_until(2, config, killed)  # so that there is a checkpoint
    assert begun
    assert psutil.wait_procs(begun, timeout=60)[1] == []
    assert "Going on from step" in train(config)
    assert losses(killed) == losses(undisturbed)


def test_a_full_disk_loses_no_checkpoint(tiny: TinyTraining) -> None:
    """Here the system lets no file of this process grow beyond a hundred kilobytes."""
    resource = pytest.importorskip("resource", reason="this system limits no files: a full disk was not tried")
    train(tiny.config(run="steps = 1\ncheckpoint_every = 1"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        said = train(tiny.config(run="steps = 2\ncheckpoint_every = 1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "The checkpoint cannot be written" in said
    assert [path.name for path in (tiny.out / "checkpoints").iterdir()] == ["step-00000001"]
    assert "Going on from step 1" in train(tiny.config(run="steps = 2\ncheckpoint_every = 1"))
    assert "The checkpoint is of another training" in train(tiny.config(run="steps = 3", dropout=0.0))
    relative = tiny.config(run="steps = 3")
    relative.write_text(relative.read_text().replace("[data]", "[data]\nscale = 'relative'"))
    assert "The checkpoint is of another training" in train(relative)
    assert read_run(tiny.out).config.dropout == 0.1, "a start that was refused leaves the record as it was"


def test_what_is_refused(tiny: TinyTraining, tmp_path: Path) -> None:
    with only_training(tiny.out):
        assert "Another training runs in this folder" in train(tiny.config())
    assert "The weights are not there" in train(tiny.config(base="nowhere.safetensors"))
    base = load_file(tiny.folder / "base.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({key: tensor for key, tensor in base.items() if not key.endswith(".alpha")}, other)
    assert "The weights are of another resolution" in train(tiny.config(base=str(other)))
    save_file(base | {"pose_encoder.x": torch.zeros(1)}, other)
    assert "camera modules already" in train(tiny.config(base=str(other)))
    assert "a multiple of run.batch_per_process, 2" in train(tiny.config(run="batch_per_process = 2"))
    assert "Is run.tracker meant" in train(tiny.config(run="traker = 'none'"))
    if importlib.util.find_spec("wandb") is None:
        assert "The tracker wandb is not installed" in train(tiny.config(run="tracker = 'wandb'"))
    if not torch.cuda.is_available():
        half = tiny.config()
        half.write_text(half.read_text().replace("precision = 'no'", "precision = 'fp16'"))
        assert "float16 needs a card" in train(half)
    assert not complete(tiny.out / "checkpoints")
    said = train(tiny.config(), "--check")
    assert said == "3 clips; left out: 0\nNothing is validated: validation.every is 0\n"
    assert "The weights are not there" in train(tiny.config(base="nowhere.safetensors"), "--check")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_per_process": 4}, "Set run.batch_per_process = 2: a step has the same 64 clips.*goes on where it was"),
        ({}, "Set run.recompute = true.*goes on where it was"),
        ({"recompute": True, "precision": "no"}, 'Set run.precision = "bf16".*another training'),
        ({"recompute": True}, "Set a smaller size.*another training"),
    ],
)
def test_out_of_memory_says_what_would_fit(settings: dict[str, object], said: str) -> None:
    """What a checkpoint can be gone on from with comes first."""
    config = TrainingConfig(
        variant="realcam-256",
        base="b",
        tokenizer="k",
        out="o",
        data=DataSettings(train="t"),
        run=RunSettings(**settings),
    )
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    assert is_out_of_memory(raised.value)
    assert re.search(said, out_of_memory(raised.value, config).sentence)
    told = msgspec.structs.replace(config, correspondence=0.1)
    assert "recompute" not in out_of_memory(raised.value, told).sentence
    assert not is_out_of_memory(RuntimeError("another"))
