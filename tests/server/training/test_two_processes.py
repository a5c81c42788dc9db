"""Two processes that share a batch train as one that has it alone."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the training was not run")

from accelerate import (  # noqa: E402
    Accelerator,
    DeepSpeedPlugin,
    DistributedType,
    FullyShardedDataParallelPlugin,
    ParallelismConfig,
)
from accelerate.utils import is_deepspeed_available  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from server.training.checkpoints import CAMERA, STATE, TrainingError, complete  # noqa: E402
from server.training.sharding.plugin import check_sharing  # noqa: E402
from tests.support.model.shared_training import numbers, share, share_by, share_by_zero, shared_training  # noqa: E402
from tests.support.model.tiny_training import forget_precision  # noqa: E402

REPLICAS: dict[str, Any] = {"fsdp_version": 2}
"""Settings of FSDP beside which there are two copies of what is split."""


@pytest.fixture(autouse=True)
def _own_accelerators() -> Iterator[None]:
    forget_precision()
    yield
    forget_precision()


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
    _check_same_state(complete(tmp_path / "two")[-1], complete(tmp_path / "again")[-1])


def _check_same_state(*checkpoints: Path) -> None:
    """Means and moments, those of elements aside that were near 0 and went the other way."""
    one, other = (torch.load(checkpoint / STATE, weights_only=True) for checkpoint in checkpoints)
    for key, mean in one["mean"].items():
        assert float((other["mean"][key] - mean).abs().mean()) < 2e-6
    assert one["optimizer"]["param_groups"] == other["optimizer"]["param_groups"]
    assert one["optimizer"]["state"].keys() == other["optimizer"]["state"].keys()
    for index, moments in one["optimizer"]["state"].items():
        for name, moment in moments.items():
            if name == "step":
                assert float(other["optimizer"]["state"][index][name]) == float(moment)
            difference = float((other["optimizer"]["state"][index][name] - moment).norm())
            assert difference <= 1e-2 * float(moment.norm()) + 1e-5


@pytest.mark.skipif(not is_deepspeed_available(), reason="deepspeed is not installed: ZeRO was not run")
def test_the_same_losses_and_tensors_split_by_zero(tmp_path: Path) -> None:
    """Copies, ZeRO-2 and ZeRO-1 go on from each other's checkpoints with the numbers of one process."""
    told = in_two_processes(tmp_path / "two", share_by_zero)
    alone = numbers(shared_training(tmp_path / "one", precision="bf16"), 5)
    assert told[0]["numbers"] == told[1]["numbers"]
    taken = [tuple(step) for step in told[0]["numbers"]]
    assert [loss for loss, _ in taken] == pytest.approx([loss for loss, _ in alone], rel=1e-4)
    assert taken[0] == pytest.approx(alone[0], rel=1e-5)
    assert all(process["share"] == pytest.approx(0.5, abs=0.01) for process in told)
    assert all(process["skipped"] and process["unmoved"] for process in told)

    fourth, fifth = complete(tmp_path / "two")
    shutil.copytree(fourth, tmp_path / "again" / fourth.name)
    again = shared_training(tmp_path / "again", precision="bf16")
    assert numbers(again, 5) == [pytest.approx(taken[4], rel=1e-4)]
    _check_same_state(fifth, complete(tmp_path / "again")[-1])


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (DistributedType.MEGATRON_LM, {}, "by Megatron.*--use_fsdp --fsdp_version 2"),
        (DistributedType.FSDP, {"fsdp_version": 1}, "it is version 1.*--fsdp_version 2"),
        (DistributedType.FSDP, {"fsdp_version": 2, "cpu_offload": True}, "moves parameters to the CPU"),
        (DistributedType.FSDP, {"fsdp_version": 2, "activation_checkpointing": True}, "run.recompute = true"),
        (DistributedType.FSDP, REPLICAS, "copies to others"),
        (DistributedType.DEEPSPEED, {"zero_stage": 3}, "its ZeRO stage is 3.*--zero_stage 2"),
        (DistributedType.DEEPSPEED, {"zero_stage": 2, "offload_optimizer_device": "cpu"}, "moves to the cpu"),
        (
            DistributedType.DEEPSPEED,
            {"hf_ds_config": {"zero_optimization": {"stage": 1}, "optimizer": {}}},
            "has the part optimizer",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(kind: DistributedType, settings: dict[str, Any], said: str) -> None:
    accelerator = Accelerator(cpu=True)
    if settings is REPLICAS:
        accelerator.state.parallelism_config = ParallelismConfig(dp_replicate_size=2, dp_shard_size=2)
    plugins = {
        DistributedType.FSDP: FullyShardedDataParallelPlugin,
        DistributedType.DEEPSPEED: DeepSpeedPlugin,
        DistributedType.MEGATRON_LM: dict,
    }
    share_by(accelerator, kind, plugins[kind](**settings))
    with pytest.raises(TrainingError, match=said):
        check_sharing(accelerator)


def in_two_processes(folder: Path, share: Callable[[Path], dict[str, object]] = share) -> list[dict[str, Any]]:
    """What each of two processes tells of the training they share."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    # Forked where the system can, a process need not import PyTorch anew.
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    told = [folder.with_name(f"told-{rank}.json") for rank in range(2)]
    processes = [
        context.Process(target=_one, args=(share, folder, file, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}))
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


def _one(share: Callable[[Path], dict[str, object]], folder: Path, told: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    forget_precision()
    torch.set_num_threads(1)
    told.write_text(json.dumps(share(folder)))
