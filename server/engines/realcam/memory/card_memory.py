"""The memory of the GPU that PyTorch would compute on, found without loading PyTorch, which would take some of it."""

from __future__ import annotations

import ctypes
import re
from importlib.util import find_spec
from pathlib import Path

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
"""Names of CUDA's driver library, on Linux and on Windows."""

_BUILT_FOR = re.compile(r"""^cuda\b[^=\n]*=\s*['"](\d+)\.""", re.MULTILINE)


def card_memory() -> int | None:
    """Bytes of the first CUDA device that this process may see, None where PyTorch would run on the CPU.

    The driver itself is asked, which takes no memory on the GPU and heeds CUDA_VISIBLE_DEVICES.
    """
    built_for, driver = pytorch_cuda(), cuda_driver()
    if built_for is None or driver is None:
        return None
    version, device, total = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    failed = (
        driver.cuInit(0)
        or driver.cuDriverGetVersion(ctypes.byref(version))
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceTotalMem_v2(ctypes.byref(total), device)
    )
    # A driver runs what was built for its own major version or an older one; with newer code PyTorch sees no card.
    if failed or version.value // 1000 < built_for:
        return None
    return total.value


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
