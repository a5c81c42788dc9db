"""The process that is connected to the Ray cluster: `python -m server.cluster.driver ADDRESS ENGINES LOG_FORMAT`.

Ray ends a process whose cluster is gone, so the server itself never loads it. This one reads orders from standard input
and reports on standard output; it ends when its input ends, and its workers end with it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import IO

import ray
from ray.autoscaler.sdk import request_resources
from ray.exceptions import RayError

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import RefusalCode
from server.service.logs import set_up_logs
from server.service.workers import worker_messages as pipe
from server.service.workers.child_process import die_with_parent, take_pipes

from .actor_client import ActorClient
from .driver_messages import (
    Demand,
    EndWorker,
    FromDriver,
    Nodes,
    OutOfReach,
    StartWorker,
    Tell,
    to_driver,
)
from .head import check_head, listens
from .nodes import NodeWatch
from .security import LOCAL
from .versions import own_versions

log = logging.getLogger("realcam.cluster")

LOOK = 0.5
"""Seconds between two looks at the nodes."""
HEAD_GONE = 15.0
"""Seconds after which a head that nobody finds at its address is gone."""


class Driver:
    """Starts and ends workers as the server says, and tells it of the nodes.

    Args:
        source: orders of the server.
        sink: messages to the server.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._sink_lock = threading.Lock()
        self._clients: dict[int, ActorClient] = {}

    def join(self, address: str, *, prove_closed: bool) -> None:
        """Connect to the cluster.

        Raises:
            ServiceError: it cannot be joined.
        """
        if address != LOCAL:
            check_head(address, prove_closed=prove_closed)
        try:
            ray.init(address=address, include_dashboard=False if address == LOCAL else None, namespace="realcam")
        except (RayError, RuntimeError, ConnectionError, ValueError, TimeoutError) as error:
            raise ServiceError(
                f"The Ray cluster at {address} cannot be joined from this machine",
                " ".join(str(error).split())[:300],
                f"Make this machine a node of it: `ray start --address={address}`.",
            ) from error

    def run(self, address: str, engines: str) -> None:
        """Serve until the input ends or the cluster is gone.

        Raises:
            ServiceError: the cluster is out of reach.
        """
        threading.Thread(target=self._take_orders, daemon=True).start()
        if address != LOCAL:
            threading.Thread(target=self._watch_head, args=(address,), daemon=True).start()
        watch, told = NodeWatch(own_versions(ray.__version__, engines), engines), Nodes(nodes=())
        while True:
            try:
                nodes = watch.now()
            except RayError as error:
                raise _out_of_reach(address, str(error)) from error
            if nodes != told:
                told = nodes
                self.say(nodes)
            time.sleep(LOOK)

    def say(self, message: FromDriver) -> None:
        """Send a message to the server, from any thread."""
        with self._sink_lock:
            try:
                pipe.write(self._sink, message)
            except OSError:
                os._exit(0)

    def _watch_head(self, address: str) -> None:
        """End this process when the head is gone: Ray's own calls wait a minute for it, or for good."""
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < HEAD_GONE:
            if not (why := listens(address)):
                heard_at = time.monotonic()
            time.sleep(LOOK)
        self.say(OutOfReach(reason=_out_of_reach(address, why).sentence))
        os._exit(1)

    def _take_orders(self) -> None:
        while (data := pipe.read(self._source)) is not None:
            message = to_driver.decode(data)
            if isinstance(message, StartWorker):
                self._clients[message.worker] = ActorClient(message, self.say)
            elif isinstance(message, Tell):
                if (client := self._clients.get(message.worker)) is not None:
                    client.tell(message.message)
            elif isinstance(message, EndWorker):
                if (client := self._clients.pop(message.worker, None)) is not None:
                    client.end()
            else:
                _show_demand(message)
        ray.shutdown()
        os._exit(0)


def _show_demand(message: Demand) -> None:
    try:
        request_resources(bundles=list(message.bundles))
    except (RayError, RuntimeError) as error:
        log.warning("Ray's autoscaler is not told what jobs wait for: %s", error)


def _out_of_reach(address: str, why: str) -> ServiceError:
    return ServiceError(
        f"The Ray cluster at {address} is gone", " ".join(why.split())[:300], "Start its head and its nodes again."
    )


def main() -> None:
    """Run the driver. Arguments: address, engines, log format, and "prove-closed" where the cluster must be."""
    die_with_parent()
    address, engines, log_format = sys.argv[1:4]
    set_up_logs("json" if log_format == "json" else "text")
    source, sink = take_pipes()
    driver = Driver(source, sink)
    try:
        driver.join(address, prove_closed=sys.argv[4:] == ["prove-closed"])
        driver.run(address, engines)
    except ServiceError as error:
        driver.say(OutOfReach(reason=error.sentence, for_good=error.code == RefusalCode.NOT_ALLOWED))
    # Ray's own threads may wait for a cluster that is gone.
    os._exit(1)


if __name__ == "__main__":
    main()
