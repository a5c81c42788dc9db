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

import msgspec
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
from server.training.reporting.trackers import accelerator_of  # noqa: E402
from server.training.sharding.plugin import check_sharing  # noqa: E402
from tests.server.training.test_loop import CONFIG  # noqa: E402
from tests.support.model.shared_training import ACCUMULATED, numbers, share, share_by, share_by_zero, shared_training  # noqa: E402
from tests.support.model.tiny_training import forget_precision  # noqa: E402

needs_deepspeed = pytest.mark.skipif(
    not is_deepspeed_available(), reason="deepspeed is not installed: ZeRO was not run"
)


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


def _check_same_state(*checkpoints: Path, apart: float = 1e-6) -> None:
    """Means, but for so much, and moments: a few elements near 0 went the other way."""
    one, other = (torch.load(checkpoint / STATE, weights_only=True) for checkpoint in checkpoints)
    for key, mean in one["mean"].items():
        assert float((other["mean"][key] - mean).abs().mean()) < apart
    assert one["optimizer"]["param_groups"] == other["optimizer"]["param_groups"]
    assert one["optimizer"]["state"].keys() == other["optimizer"]["state"].keys()
    for index, moments in one["optimizer"]["state"].items():
        for name, moment in moments.items():
            if name == "step":
                assert float(other["optimizer"]["state"][index][name]) == float(moment)
            difference = float((other["optimizer"]["state"][index][name] - moment).norm())
            assert difference <= 1e-2 * float(moment.norm()) + 1e-5


@needs_deepspeed
def test_the_same_losses_and_tensors_split_by_zero(tmp_path: Path) -> None:
    """Copies, ZeRO-2 and ZeRO-1 go on from each other's checkpoints with the numbers of one process."""
    told = in_two_processes(tmp_path / "two", share_by_zero)
    alone = numbers(shared_training(tmp_path / "one", **ACCUMULATED), 5)
    assert told[0]["numbers"] == told[1]["numbers"]
    taken = [tuple(step) for step in told[0]["numbers"]]
    assert [loss for loss, _ in taken] == pytest.approx([loss for loss, _ in alone], rel=1e-4)
    assert taken[0] == pytest.approx(alone[0], rel=1e-5)
    assert all(process["share"] == pytest.approx(0.5, abs=0.01) for process in told)
    assert all(process["skipped"] == [True] * 3 and process["begun"] == [1, 1] for process in told)

    fourth, fifth = complete(tmp_path / "two")
    shutil.copytree(fourth, tmp_path / "again" / fourth.name)
    again = shared_training(tmp_path / "again", **ACCUMULATED)
    assert numbers(again, 5) == [pytest.approx(taken[4], rel=1e-4)]
    _check_same_state(fifth, complete(tmp_path / "again")[-1], apart=2e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fsdp_version": 1}, "it is version 1.*--fsdp_version 2"),
        ({"fsdp_version": 2, "cpu_offload": True}, "moves parameters to the CPU"),
        ({"fsdp_version": 2, "activation_checkpointing": True}, "run.recompute = true"),
    ],
)
def test_fsdp_that_cannot_be_used_is_refused(settings: dict[str, Any], said: str) -> None:
    accelerator = Accelerator(cpu=True)
    share_by(accelerator, FullyShardedDataParallelPlugin(**settings))
    with pytest.raises(TrainingError, match=said):
        check_sharing(accelerator, "no")


def test_copies_of_what_fsdp_splits_are_refused() -> None:
    accelerator = Accelerator(cpu=True)
    share_by(accelerator, FullyShardedDataParallelPlugin(fsdp_version=2))
    accelerator.state.parallelism_config = ParallelismConfig(dp_replicate_size=2, dp_shard_size=2)
    with pytest.raises(TrainingError, match="copies to others"):
        check_sharing(accelerator, "no")


def test_a_launch_that_accelerate_refuses_is_said_in_words() -> None:
    Accelerator(cpu=True, mixed_precision="no")  # a process has one precision
    with pytest.raises(TrainingError, match=r"accelerate takes no such launch.*mixed_precision"):
        accelerator_of(msgspec.structs.replace(CONFIG, run=msgspec.structs.replace(CONFIG.run, precision="bf16")))


def test_megatron_is_refused() -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.state.distributed_type = DistributedType.MEGATRON_LM
    with pytest.raises(TrainingError, match=r"by Megatron.*--use_fsdp --fsdp_version 2"):
        check_sharing(accelerator, "no")


@needs_deepspeed
@pytest.mark.parametrize(
    ("zero", "others", "precision", "said"),
    [
        ({"stage": 3}, {}, "no", "its ZeRO stage is 3.*--zero_stage 2"),
        ({"offload_optimizer": {"device": "cpu"}, "offload_param": None}, {}, "no", "moves to the cpu"),
        ({"cpu_offload": True}, {}, "no", "zero_optimization.cpu_offload"),
        ({"compute_grad_norm": False}, {}, "no", "zero_optimization.compute_grad_norm"),
        ({}, {"optimizer": {}, "torch_autocast": {"enabled": True}}, "no", "has optimizer, torch_autocast"),
        ({}, {"fp16": {"enabled": False}}, "fp16", 'Set run.precision = "bf16"'),
    ],
)
def test_deepspeed_that_cannot_be_used_is_refused(
    zero: dict[str, Any], others: dict[str, Any], precision: str, said: str
) -> None:
    accelerator = Accelerator(cpu=True)
    share_by(accelerator, DeepSpeedPlugin(hf_ds_config={"zero_optimization": {"stage": 2} | zero} | others))
    with pytest.raises(TrainingError, match=said):
        check_sharing(accelerator, precision)


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
