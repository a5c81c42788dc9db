"""The peak memory that benchmarks tell."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import psutil
import pytest

from server.bench.peak_memory import peak_memory, resident_bytes
from tests.sources import sources


def test_what_was_taken_is_in_the_peak() -> None:
    taken = bytearray(b"\1" * 2**26)
    assert len(taken) < peak_memory() < psutil.virtual_memory().total


def test_each_system_counts_in_its_own_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resident_bytes(2048, "linux") == 2048 * 1024
    assert resident_bytes(2048, "darwin") == 2048
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _self: SimpleNamespace(peak_wset=4096))
    assert peak_memory() == 4096


def test_no_module_needs_what_windows_lacks_to_be_imported() -> None:
    needs = re.compile(r"^(import|from) (resource|fcntl|pwd|grp|termios)\b", re.MULTILINE)
    ours = sources("blender_addon", "server", "release")
    assert [path for path in ours if needs.search(path.read_text("utf-8"))] == []
