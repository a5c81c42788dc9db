"""The process that computes its part of a network on another card, `python -m` with the name of this module.

It reads orders from standard input and ends with it, so that it never outlives the engine's process.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, distributed

from blender_addon.core.errors import RealCamError
from server.engines.compute_device import compute_device
from server.engines.device_memory import is_out_of_memory
from server.engines.pipelines.loading import load_part

from .orders import Answer, Failed, Forward, Join, Load, Order, Ready, line, order_of
from .shared_network import join_group, share_out

LONGEST_REASON = 500
"""Characters of an error that are passed on."""


class Helper:
    """Obeys orders.

    Args:
        source: orders, a line each.
        sink: answers.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._sink = sink
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(source,), daemon=True).start()

    def run(self) -> None:
        """Load the network, then compute its part of each forward pass; ends by an error or with the process."""
        load = self._orders.get()
        assert isinstance(load, Load)
        device = torch.device(load.device)
        network = self._loaded(load, device)
        self._answer(Ready())
        while True:
            order = self._orders.get()
            if isinstance(order, Join):
                join_group(order.backend, order.store, order.rank, order.count)
                share_out(network, device)
            elif isinstance(order, Forward):
                with torch.no_grad():
                    network(**received(order, device), return_dict=False)

    def fail(self, error: BaseException) -> None:
        """Say why the process ends."""
        self._answer(Failed(reason=str(error)[:LONGEST_REASON], out_of_memory=is_out_of_memory(error)))

    def _loaded(self, load: Load, device: torch.device) -> Any:
        import diffusers

        if device.type == "cuda":
            torch.cuda.set_device(device)
            compute_device()
        network = load_part(getattr(diffusers, load.network), Path(load.folder), getattr(torch, load.dtype))
        return network.to(device).eval()

    def _answer(self, answer: Answer) -> None:
        self._sink.write(line(answer))
        self._sink.flush()

    def _listen(self, source: IO[bytes]) -> None:
        for words in source:
            self._orders.put(order_of.decode(words))
        # The main thread may be in an exchange that never ends.
        os._exit(0)


def received(order: Forward, device: torch.device) -> dict[str, Tensor]:
    """The arguments of a forward pass, as the first process broadcasts them."""
    arguments = {}
    for form in order.arguments:
        tensor = torch.empty(form.shape, dtype=getattr(torch, form.dtype), device=device)
        distributed.broadcast(tensor, 0)
        arguments[form.name] = tensor
    return arguments


def main() -> None:
    """Run a helper until its input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # What is printed goes to standard error.
    os.dup2(2, 1)
    helper = Helper(sys.stdin.buffer, answers)
    try:
        helper.run()
    except (RuntimeError, OSError, ValueError, RealCamError) as error:
        helper.fail(error)
        sys.stderr.flush()
        # Threads of the group may wait for processes that are gone.
        os._exit(1)


if __name__ == "__main__":
    main()
