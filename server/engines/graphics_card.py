"""The GPUs that PyTorch computes on, or cannot use, found without loading PyTorch, which would take some of them."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.packages import cuda_command, in_checkout

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
"""Names of CUDA's driver library, on Linux and on Windows."""

HIDDEN = "-1"
"""CUDA_VISIBLE_DEVICES of a process that is to see no card."""

_BUILT_FOR = re.compile(r"""^cuda\b[^=\n]*=\s*['"](\d+)\.""", re.MULTILINE)


@dataclass(frozen=True)
class NvidiaCard:
    """A CUDA device that this process may see.

    Attributes:
        memory: bytes, all there are.
        cuda: the major version of CUDA that its driver runs. Code of a newer one it does not, and PyTorch sees no card.
        name: as CUDA_VISIBLE_DEVICES has it: its number, or how that variable of this process names it.
    """

    memory: int
    cuda: int
    name: str = "0"


def card_memory() -> int | None:
    """Bytes of the GPU that PyTorch would compute on, None where it would run on the CPU."""
    built_for, card = pytorch_cuda(), nvidia_card()
    return card.memory if built_for is not None and card is not None and card.cuda >= built_for else None


def unused_card() -> str:
    """A sentence when this machine has a GPU that the installed PyTorch cannot use; "" when it uses it, or has none."""
    if find_spec("torch") is None:
        return ""
    if (sys.platform, platform.machine()) == ("darwin", "arm64"):
        return "Apple's GPU is not used: networks compute on the processor here"
    built_for, card = pytorch_cuda(), nvidia_card()
    if card is None or (built_for is not None and card.cuda >= built_for):
        return ""
    if built_for is not None:
        return (
            f"NVIDIA card found, but its driver is for CUDA {card.cuda} and this PyTorch was built for CUDA "
            f"{built_for}: update the driver. Until then networks compute on the processor"
        )
    return (
        "NVIDIA card found, but this PyTorch was built without CUDA and computes on the processor, many times slower: "
        f"run `{cuda_command()}`{', and start it by uv run --no-sync from then on' if in_checkout() else ''}"
    )


def nvidia_card() -> NvidiaCard | None:
    """What CUDA's driver says of the first device, None where there is none."""
    return next(iter(nvidia_cards()), None)


@functools.cache
def nvidia_cards() -> tuple[NvidiaCard, ...]:
    """What CUDA's driver says of the devices that this process may see.

    The driver itself is asked, which takes no memory on the GPU and heeds CUDA_VISIBLE_DEVICES. Where that hides all
    cards, as in a worker that needs none, the driver is not loaded.
    """
    driver = None if os.environ.get("CUDA_VISIBLE_DEVICES") == HIDDEN else cuda_driver()
    if driver is None:
        return ()
    version, count = ctypes.c_int(), ctypes.c_int()
    if (
        driver.cuInit(0)
        or driver.cuDriverGetVersion(ctypes.byref(version))
        or driver.cuDeviceGetCount(ctypes.byref(count))
    ):
        return ()
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    cards = []
    for number in range(count.value):
        device, total = ctypes.c_int(), ctypes.c_size_t()
        if driver.cuDeviceGet(ctypes.byref(device), number) or driver.cuDeviceTotalMem_v2(ctypes.byref(total), device):
            break
        name = visible[number] if number < len(visible) else str(number)
        cards.append(NvidiaCard(total.value, version.value // 1000, name))
    return tuple(cards)


def pytorch_cuda() -> int | None:
    """The major version of CUDA that the installed PyTorch was built for; None for a build without, or no PyTorch."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    return built_for_cuda(Path(spec.origin).with_name("version.py").read_text(encoding="utf-8"))


def built_for_cuda(version_file: str) -> int | None:
    """The major version of CUDA in the text of PyTorch's torch/version.py; None for a build without."""
    found = _BUILT_FOR.search(version_file)
    return int(found[1]) if found else None


def cuda_driver() -> ctypes.CDLL | None:
    """CUDA's driver library, None on a machine without one."""
    for name in DRIVERS:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
