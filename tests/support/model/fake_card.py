"""A card for fake tensors, which know their device and hold nothing, on a machine without one."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

GUARDS = "_ZN3c104impl26device_guard_impl_registryE"
"""c10::impl::device_guard_impl_registry: for each type of device, what switches between several of them."""


@contextmanager
def guarded() -> Iterator[None]:
    """A build without CUDA has no such switch for cards: the machine's stands in, which does nothing."""
    if torch.version.cuda is not None:
        if not (torch.cuda.is_available() or hasattr(torch._C, "_ensureCUDADeviceGuardSet")):
            pytest.skip("this PyTorch for CUDA asks the driver about fake tensors too, and there is none")
        yield
        return
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name("lib") / "libc10.so"))
        guards = (ctypes.c_void_p * 2).in_dll(library, GUARDS)
    except (OSError, ValueError):
        pytest.skip("this build of PyTorch knows no cards: their devices were not checked")
    before = guards[1]
    guards[1] = guards[0]
    try:
        yield
    finally:
        guards[1] = before
