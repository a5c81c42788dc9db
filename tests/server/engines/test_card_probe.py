"""The driver of the graphics cards is asked by another process, whatever it does to it."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError
from server.engines import graphics_card
from server.engines.card_probe import asked_cards, usable_cards
from server.engines.graphics_card import HIDDEN, nvidia_cards


def test_the_cards_are_those_that_this_process_would_find() -> None:
    assert asked_cards() == nvidia_cards()


def test_a_process_that_is_to_see_no_card_does_not_load_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", HIDDEN)
    monkeypatch.setattr(graphics_card, "cuda_driver", lambda: pytest.fail("it was loaded"))
    nvidia_cards.cache_clear()
    assert nvidia_cards() == ()
    nvidia_cards.cache_clear()


def test_without_pytorch_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics_card, "find_spec", lambda name: None)
    assert usable_cards(lambda: pytest.fail("it was asked")) == ()


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("import time; time.sleep(60)", "no answer in 1 s"),
        ("import os; os.abort()", "the process that asked it ended with exit code"),
        ("print('NVRM: Xid 79')", "malformed"),
    ],
    ids=["hangs", "crashes", "chatters"],
)
def test_a_driver_that_does_not_answer_is_said_in_time(does: str, why: str) -> None:
    with pytest.raises(ServiceError, match=why) as refused:
        asked_cards(child_environment(), 1.0, (sys.executable, "-c", does))
    assert "nvidia-smi" in refused.value.sentence


HELD = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # Anybody may trace this process.
held = os.getpid()
if os.fork() == 0:
    os.setsid()
    if libc.ptrace(16, held, None, None) == 0:
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(f"{held} {os.getpid()}")
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
"""A process that does not end though it is killed, as in a driver that hangs: another one traces it."""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are traced by Linux's call")
def test_a_process_that_cannot_be_ended_is_not_waited_for(tmp_path: Path) -> None:
    told = tmp_path / "held"
    with pytest.raises(ServiceError, match="no answer in 2 s"):
        asked_cards(child_environment(), 2.0, (sys.executable, "-c", HELD, str(told)))
    if not told.is_file():
        pytest.skip("no process may trace another one here, or the machine was too slow")
    held, tracer = map(int, told.read_text().split())
    try:
        assert psutil.pid_exists(held), "it was waited for"
    finally:
        psutil.Process(tracer).kill()
