"""What becomes of freed memory, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
from server.model.cpu.allocator import give_back_large_blocks
import sys
if {set}:
    assert give_back_large_blocks()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 // 2**20
bytearray(8 * 2**20)  # glibc takes blocks of this size from its heap from now on, unless told otherwise
before = resident()
living, freed = [], []
for _ in range(16):
    freed.append(bytearray(b"x") * (8 * 2**20))
    living.append(bytearray(b"x") * (2**20))
freed.clear()
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator alone is set")
def test_a_freed_block_between_living_ones_goes_back_to_the_system() -> None:
    def kept(wanted: bool) -> int:
        code = CHILD.format(set=wanted)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    assert kept(True) < 16 + 24
    assert kept(False) > 16 + 64
