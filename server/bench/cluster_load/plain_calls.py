"""The same functions by plain `ray.remote` calls: `python -m server.bench.cluster_load.plain_calls`.

Reads Tick and Echo from standard input, and answers each by Took. It ends with its input.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import ray

from .nodes_process import SLOT
from .questions import ADDRESS, Echo, Tick, Took
from .work import echoed, ticked


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # Ray prints what it likes.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    ray.init(address=os.environ[ADDRESS], namespace="realcam-bench")
    options = {"num_cpus": 0, "max_retries": 0, "resources": {SLOT: 1}}
    tick, echo = (ray.remote(function).options(**options) for function in (ticked, echoed))
    for line in iter(sys.stdin.readline, ""):
        order = msgspec.json.decode(line, type=Tick | Echo)
        payload = Path(order.payload).read_bytes()
        if isinstance(order, Echo):
            took = _seconds(echo, payload, 1)
        else:
            _start_all(tick, payload, order.workers)
            took = _seconds(tick, payload, order.workers * order.each)
        print(msgspec.json.encode(Took(took)).decode(), file=answers, flush=True)


def _start_all(tick: Any, payload: bytes, workers: int) -> None:
    """Call until so many processes have answered: Ray starts them as they are needed."""
    seen = set[int]()
    while len(seen) < workers:
        seen.update(ray.get([tick.remote(payload) for _ in range(workers)]))


def _seconds(function: Any, payload: bytes, calls: int) -> float:
    began = time.perf_counter()
    ray.get([function.remote(payload) for _ in range(calls)])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
