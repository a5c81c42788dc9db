"""The process that is connected to the Ray cluster: `python -m server.cluster.driver ADDRESS ENGINES LOG_FORMAT`.

Ray ends a process whose cluster is gone, so the server itself never loads it. This one reads orders from standard input
and reports on standard output; it ends when its input ends, and its workers end with it.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import threading
import time
from typing import IO

import msgspec
import ray
from ray._private.state import state as ray_state
from ray.autoscaler.sdk import request_resources
from ray.exceptions import RayError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_list, _internal_kv_put

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

SERVER = f"{platform.node()}-{os.getppid()}"
"""This server among all that use the cluster: its machine and its process."""
LOOK = 0.5
"""Seconds between two looks at the nodes."""
DEMAND_EVERY = 30.0
"""Seconds between two looks at what other servers ask of the autoscaler, and whether they are still there."""
DEMANDS = "realcam-demand"
"""Of the head's own store: there each server has its part of the demand, by Ray's name of its connection."""
HEAD_GONE = 15.0
"""Seconds after which a head that nobody finds at its address is gone."""

_bundles = msgspec.json.Decoder(list[dict[str, float]])


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
        look_again = 0.0
        while True:
            try:
                nodes = watch.now()
                if time.monotonic() > look_again:
                    look_again = time.monotonic() + DEMAND_EVERY
                    _show_demand(None)
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
                self._clients[message.worker] = ActorClient(message, SERVER, self.say)
            elif isinstance(message, Tell):
                if (client := self._clients.get(message.worker)) is not None:
                    client.tell(message.message)
            elif isinstance(message, EndWorker):
                if (client := self._clients.pop(message.worker, None)) is not None:
                    client.end()
            else:
                _show_demand(message)
        # Ray's autoscaler would keep nodes for a server that is gone until another one looks.
        _show_demand(Demand(bundles=()))
        ray.shutdown()
        os._exit(0)


def _show_demand(own: Demand | None) -> None:
    """Ask Ray's autoscaler for what all servers on the cluster need together: it keeps what anybody asked last.

    Args:
        own: this server's part; None leaves that as it was, and looks whether the others are still there.
    """
    try:
        if own is not None:
            key, part = str(ray.get_runtime_context().get_job_id()), msgspec.json.encode(own.bundles)
            _internal_kv_put(key, part, overwrite=True, namespace=DEMANDS)
        gone = {job["JobID"] for job in ray_state.job_table() if job["IsDead"]}
        whole = list[dict[str, float]]()
        for name in sorted(_internal_kv_list("", namespace=DEMANDS)):
            if name.decode() in gone:
                _internal_kv_del(name, namespace=DEMANDS)
            elif (part := _internal_kv_get(name, namespace=DEMANDS)) is not None:
                whole += _bundles.decode(part)
        request_resources(bundles=whole)
    except (RayError, RuntimeError, msgspec.DecodeError) as error:
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
