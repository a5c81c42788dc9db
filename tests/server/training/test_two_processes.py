"""Two processes that share a batch train as one that has it alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from safetensors.torch import load_file  # noqa: E402

from server.training.checkpoints import CAMERA, complete  # noqa: E402
from tests.support.model.shared_training import losses  # noqa: E402

ROOT = Path(__file__).parents[3]


def test_the_same_losses_and_tensors(tmp_path: Path) -> None:
    alone = losses(tmp_path / "one", 2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.model.shared_training", str(tmp_path / "two")]
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        told = [json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert told[0] == told[1] == pytest.approx(alone, rel=1e-5)
    one, two = (load_file(complete(tmp_path / name)[-1] / CAMERA) for name in ("one", "two"))
    # The first steps are the signs of the gradients: an element near 0 may go the other way.
    for key, tensor in one.items():
        assert float((two[key] - tensor).abs().mean()) < 2e-5
