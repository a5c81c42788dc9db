"""The graphics cards as a short process of its own finds them: whoever asks is not held by a driver that hangs, nor
ended by one that crashes.

`python -m server.engines.card_probe` prints them as JSON.
"""

from __future__ import annotations

import subprocess
import sys
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
        told = subprocess.run(
            command,
            env=dict(child_environment() if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=True,
        )
        return msgspec.json.decode(told.stdout, type=Cards)
    except subprocess.TimeoutExpired:
        raise _no_answer(f"no answer in {seconds:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise _no_answer(f"the process that asked it ended with exit code {error.returncode}") from error
    except (OSError, msgspec.DecodeError) as error:
        raise _no_answer(str(error)) from error


def _no_answer(why: str) -> ServiceError:
    return ServiceError(
        "The driver of the graphics cards does not say which there are",
        why,
        "See whether `nvidia-smi` answers; where it does not, restart the computer.",
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(nvidia_cards()))
