"""Two processes that share a batch train as one that has it alone."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from accelerate import (  # noqa: E402
    Accelerator,
    DistributedType,
    FullyShardedDataParallelPlugin,
    ParallelismConfig,
)
from safetensors.torch import load_file  # noqa: E402

from server.training.checkpoints import CAMERA, STATE, TrainingError, complete  # noqa: E402
from server.training.sharding.plugin import check_sharing  # noqa: E402
from tests.support.model.shared_training import numbers, share, shared_training  # noqa: E402
from tests.support.model.tiny_training import forget_precision  # noqa: E402

REPLICAS: dict[str, Any] = {"fsdp_version": 2}
"""Settings of FSDP beside which there are two copies of what is split."""


def test_the_same_losses_and_tensors_whole_and_split(tmp_path: Path) -> None:
    """Two steps by copies in two processes, three split over them from that checkpoint on, the last alone again."""
    told = in_two_processes(tmp_path / "two")
    alone = numbers(shared_training(tmp_path / "one"), 4)
    assert told[0]["numbers"] == told[1]["numbers"]
    taken = [tuple(step) for step in told[0]["numbers"]]
    assert [loss for loss, _ in taken[:4]] == pytest.approx([loss for loss, _ in alone], rel=1e-4)
    assert taken[0] == pytest.approx(alone[0], rel=1e-5)
    shares = [process["share"] for process in told]
    assert sum(shares) == pytest.approx(1.0)
    assert max(shares) < 0.6
    assert all(process["whole"] and process["skipped"] for process in told)
    assert told[0]["refused"] == "5"
    assert "not there for every process" in told[1]["refused"]

    one, two = (load_file(complete(tmp_path / name)[at] / CAMERA) for name, at in (("one", -1), ("two", -2)))
    assert {key: t.shape for key, t in one.items()} == {key: t.shape for key, t in two.items()}
    # The first steps are the signs of the gradients: an element near 0 may go the other way.
    assert all(float((two[key] - tensor).abs().mean()) < 4e-5 for key, tensor in one.items())

    shutil.copytree(complete(tmp_path / "two")[-2], tmp_path / "again" / "step-00000004")
    (last,) = numbers(shared_training(tmp_path / "again"), 5)
    assert last == pytest.approx(taken[4], rel=1e-4)
    split, again = (torch.load(complete(tmp_path / name)[-1] / STATE, weights_only=True) for name in ("two", "again"))
    for key, mean in split["mean"].items():
        assert float((again["mean"][key] - mean).abs().mean()) < 1e-6
    for index, moments in split["optimizer"]["state"].items():
        for name, moment in moments.items():
            difference = float((again["optimizer"]["state"][index][name] - moment).norm())
            assert difference <= 1e-2 * float(moment.norm()) + 1e-5


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (DistributedType.DEEPSPEED, None, "by DEEPSPEED.*--use_fsdp --fsdp_version 2"),
        (DistributedType.FSDP, {"fsdp_version": 1}, "it is version 1.*--fsdp_version 2"),
        (DistributedType.FSDP, {"fsdp_version": 2, "cpu_offload": True}, "moves parameters to the CPU"),
        (DistributedType.FSDP, {"fsdp_version": 2, "activation_checkpointing": True}, "run.recompute = true"),
        (DistributedType.FSDP, REPLICAS, "copies to others"),
    ],
)
def test_what_cannot_be_shared_is_refused(kind: DistributedType, settings: dict[str, Any] | None, said: str) -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.state.distributed_type = kind
    if settings is REPLICAS:
        accelerator.state.parallelism_config = ParallelismConfig(dp_replicate_size=2, dp_shard_size=2)
    if settings is not None:
        accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(**settings)
    try:
        with pytest.raises(TrainingError, match=said):
            check_sharing(accelerator)
    finally:
        forget_precision()


def in_two_processes(folder: Path) -> list[dict[str, Any]]:
    """What each of two processes tells of the training they share."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    # Forked where the system can, a process need not import PyTorch anew.
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    told = [folder.with_name(f"told-{rank}.json") for rank in range(2)]
    processes = [
        context.Process(target=_one, args=(folder, file, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}))
        for rank, file in enumerate(told)
    ]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=480)
        return [json.loads(file.read_text()) for file in told]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _one(folder: Path, told: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    forget_precision()
    torch.set_num_threads(1)
    told.write_text(json.dumps(share(folder)))
