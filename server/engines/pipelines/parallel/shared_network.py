"""A network of diffusers whose tokens are shared out among the processes of a group: its context parallelism.

Each process has the whole network and computes a part of the tokens. For attention they exchange tokens against heads
(Ulysses): each attends with all tokens in a part of the heads, so that the numbers are those of one process but for
rounding.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh

LONGEST_WAIT = timedelta(minutes=30)
"""For another process at one exchange; the first on a card waits for its kernels to be loaded."""
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
"""Variables by which the processes of a group, all on this machine, listen to nobody beyond it."""


def backend_of(device: torch.device) -> str:
    """The backend of torch.distributed for groups of such devices."""
    return "nccl" if device.type == "cuda" else "gloo"


def can_share(device: torch.device) -> bool:
    """Whether this build of PyTorch has that backend: on Windows there is none for cards."""
    return backend_of(device) == "gloo" or distributed.is_nccl_available()


def join_group(backend: str, store: str, rank: int, count: int) -> None:
    """Join the group of all processes; returns when they are all in it.

    Args:
        backend: of torch.distributed.
        store: file by which they find each other.
        rank: of this process.
        count: of all.
    """
    distributed.init_process_group(
        backend, init_method=f"file://{store}", rank=rank, world_size=count, timeout=LONGEST_WAIT
    )


def leave_group() -> None:
    """Leave the group without waiting for the others, which may be gone or in the middle of an exchange."""
    if not distributed.is_initialized():
        return
    if distributed.get_backend() == "nccl":
        distributed.distributed_c10d._abort_process_group()
    else:
        distributed.destroy_process_group()


def share_out(network: Any, device: torch.device) -> None:
    """Have a network compute this process's part of its tokens, together with the others of the group.

    This is what diffusers' `enable_parallelism` does, which itself takes no processors: it divides by the number of
    accelerators.

    Args:
        network: diffusers', with a plan for it.
        device: of the network.
    """
    from diffusers import ContextParallelConfig, ParallelConfig
    from diffusers.hooks.context_parallel import apply_context_parallel

    count = distributed.get_world_size()
    mesh = init_device_mesh(device.type, (1, count), mesh_dim_names=("ring", "ulysses"))
    context = ContextParallelConfig(ulysses_degree=count, mesh=mesh)
    config = ParallelConfig(context_parallel_config=context)
    config.setup(distributed.get_rank(), count, device, mesh=mesh)
    _tell(network, config)
    apply_context_parallel(network, context, network._cp_plan)


def take_back(network: Any) -> None:
    """Have a network compute all of its tokens again."""
    from diffusers.hooks.context_parallel import remove_context_parallel

    remove_context_parallel(network, network._cp_plan)
    _tell(network, None)


def _tell(network: Any, config: Any) -> None:
    network._parallel_config = config
    for processor in network.attn_processors.values():
        processor._parallel_config = config
