"""The graphics cards as a short process of its own finds them: whoever asks is not held by a driver that hangs, nor
ended by one that crashes.

`python -m server.engines.card_probe` prints them as JSON.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError

from .graphics_card import NvidiaCard, nvidia_cards, pytorch_cuda

ANSWER_SECONDS = 60.0
"""How long a driver may take: after a start of the computer some take half a minute."""
ASK = (sys.executable, "-m", "server.engines.card_probe")

Cards = tuple[NvidiaCard, ...]


def usable_cards(ask: Callable[[], Cards] | None = None) -> Cards:
    """The GPUs that PyTorch can compute on, in its order; none where it would run on the CPU.

    Args:
        ask: finds the cards; None for `asked_cards`.

    Raises:
        ServiceError: the driver gives no answer.
    """
    # Without PyTorch the driver is not even loaded.
    built_for = pytorch_cuda()
    return () if built_for is None else tuple(card for card in (ask or asked_cards)() if card.cuda >= built_for)


def asked_cards(
    environment: Mapping[str, str] | None = None, seconds: float = ANSWER_SECONDS, command: Sequence[str] = ASK
) -> Cards:
    """What `nvidia_cards` of another process tells.

    Args:
        environment: of that process; None for that of this one.
        seconds: how long to wait.
        command: what starts it.

    Raises:
        ServiceError: the driver gives no answer.
    """
    try:
        process = subprocess.Popen(
            command,
            env=dict(child_environment() if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        told = _heard(process, seconds)
        if process.returncode:
            raise _no_answer(f"the process that asked it ended with exit code {process.returncode}")
        return msgspec.json.decode(told, type=Cards)
    except subprocess.TimeoutExpired:
        raise _no_answer(f"no answer in {seconds:.0f} s") from None
    except (OSError, msgspec.DecodeError) as error:
        raise _no_answer(str(error)) from error


def _heard(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What a process has written when it ends.

    Raises:
        TimeoutExpired: it did not end in so many seconds. It is killed, and waited for by another thread: one
            that hangs inside the driver's own code may end only with the computer.
    """
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        threading.Thread(target=process.communicate, daemon=True).start()
        raise


def _no_answer(why: str) -> ServiceError:
    return ServiceError(
        "The driver of the graphics cards does not say which there are",
        why,
        "See whether `nvidia-smi` answers; where it does not, restart the computer.",
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(nvidia_cards()))
