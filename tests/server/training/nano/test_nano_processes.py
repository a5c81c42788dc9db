"""Two processes that share the batches of a nano training have the numbers of one that takes both parts."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from torch import Tensor, nn  # noqa: E402

from server.model.config import NANO  # noqa: E402
from server.training.checkpoints import TrainingError  # noqa: E402
from server.training.config import ConfigError  # noqa: E402
from server.training.nano.loop import NanoTraining, Pace  # noqa: E402
from server.training.nano.processes import Processes, joined_processes  # noqa: E402
from server.training.nano.vae_learner import VaeLearner, new_vae  # noqa: E402
from server.training.nano.world_clips import open_worlds  # noqa: E402

VAE = replace(NANO.vae, channels=8, channel_mult=(1, 1, 1, 1))
PACE = Pace(steps=2, batch=2, learning_rate=1e-3, warmup=1, log_every=1, checkpoint_every=2)


def learner(worlds: Path) -> VaeLearner:
    return VaeLearner(new_vae(VAE, 0), *open_worlds(worlds), 1, 0)


@dataclass(frozen=True, eq=False)
class BothParts:
    """A Learner whose step is what two processes take together."""

    own: VaeLearner

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return self.own.networks

    @property
    def origin(self) -> Mapping[str, str]:
        return self.own.origin

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        return (self.own.loss(2 * step)[0] + self.own.loss(2 * step + 1)[0]) / 2, {}

    def validate(self, step: int, folder: Path) -> dict[str, float]:
        return {}


def test_two_processes_train_as_one_that_takes_both_parts(worlds: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    files = [tmp_path / f"{rank}.pt" for rank in range(2)]
    processes = [
        context.Process(target=_one, args=(worlds, tmp_path / "two", file, rank, port))
        for rank, file in enumerate(files)
    ]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=240)
    finally:
        for process in processes:
            process.kill()
            process.join()
    alone = NanoTraining(BothParts(learner(worlds)), PACE, tmp_path / "one")
    list(alone.run())
    first, second = (torch.load(file, weights_only=True) for file in files)
    assert [len(first["logged"]), len(second["logged"])] == [3, 0]
    assert first["refused"] == "True"
    assert "not there for every process" in second["refused"]
    assert [path.name for path in (tmp_path / "two").glob("*.pt")] == ["step-00000002.pt"]
    for key, value in alone.parameters.items():
        assert torch.equal(first["parameters"][key], second["parameters"][key])
        # The first steps are the signs of the gradients: an element near 0 may go the other way.
        assert float((first["parameters"][key] - value.detach()).abs().mean()) < 1e-5


def _one(worlds: Path, folder: Path, told: Path, rank: int, port: int) -> None:
    os.environ.update(WORLD_SIZE="2", RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    with joined_processes() as processes:
        both = learner(worlds)
        training = NanoTraining(both, PACE, folder, processes)
        training.resume()
        logged = list(training.run())
        parameters = {key: p.detach() for key, p in training.parameters.items()}
        alone = folder if processes.first else folder / "elsewhere"
        try:
            refused = str(NanoTraining(both, PACE, alone, processes).resume())
        except TrainingError as error:
            refused = error.sentence
        torch.save({"logged": logged, "parameters": parameters, "refused": refused}, told)


def test_a_batch_that_does_not_divide_is_refused() -> None:
    assert Processes(1, 2).share(8) == 4
    with pytest.raises(ConfigError, match=r"cannot be shared.*3 samples by 2 processes"):
        Processes(0, 2).share(3)
