"""A Ray cluster of several nodes on this machine, with token authentication, small object stores and few processors."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import psutil

from tests.support.servers import REPOSITORY

T = TypeVar("T")
TOKEN = "5ec2e7" * 8
STORE_BYTES = 80 * 1024 * 1024
"""Of a node's object store: Ray allows no smaller one than 75 MiB."""
PATIENCE = 240.0
"""Seconds that a busy machine may take for what an idle one does in a few."""
TRIES = 3
"""How often a node is started that does not come up in time."""
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_USAGE_STATS_ENABLED": "0",
    # A busy machine takes long to start the processes of a node.
    "RAY_raylet_start_wait_time_s": "120",
    # A node that is gone is noticed within seconds.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
    # That of this process. Ray's own is 15: beside what else the machine does, what runs on nodes would stand still.
    "RAY_worker_niceness": str(os.nice(0) if sys.platform != "win32" else 0),
    # Where the engines of the tests are.
    "PYTHONPATH": str(REPOSITORY),
}


class RayNodes:
    """The cluster. Nodes can be added and killed."""

    def __init__(self, port: int | None = None) -> None:
        self._options = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
        self._start(port)

    def _start(self, port: int | None) -> None:
        from ray.cluster_utils import Cluster

        where = {} if port is None else {"gcs_server_port": port}

        def start() -> None:
            self._cluster = Cluster()
            try:
                self._cluster.add_node(num_cpus=1, **where, **self._options)
            except Exception:
                self._cluster.shutdown()
                _end_left_head(port)
                raise

        _in_time(start)

    @property
    def address(self) -> str:
        """Of the head, host:port."""
        return str(self._cluster.address)

    def add(self, cpus: int = 1, cards: int = 0, card_gb: int = 0, **environment: str) -> Any:
        """One node more, with as many cards as it says: nothing looks for them.

        Args:
            cpus: processors.
            cards: graphics cards.
            card_gb: memory of each.
            environment: further variables of its processes.
        """
        resources = {"realcam_card_gb": card_gb} if card_gb else {}
        with mock.patch.dict(os.environ, environment):
            return _in_time(
                lambda: self._cluster.add_node(num_cpus=cpus, num_gpus=cards, resources=resources, **self._options)
            )

    def kill(self, node: Any) -> None:
        """End a node and all that runs there, as a power cut does."""
        self._cluster.remove_node(node, allow_graceful=False)

    def replace_all(self) -> None:
        """End the head and all nodes, and start a new head at the same address."""
        port = int(self.address.rpartition(":")[2])
        self._cluster.shutdown()
        self._start(port)

    def actors(self, state: str) -> list[str]:
        """The names of the actors of all who use the cluster that are in a state of Ray's."""
        found = self._cluster.global_state.actor_table(None, None, state)
        return sorted(actor["Name"] for actor in found.values())

    def demand(self) -> list[dict[str, float]]:
        """What Ray's autoscaler was asked for last: the resources of each job."""
        from ray._private.ray_constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
        from ray._raylet import GcsClient

        asked = GcsClient(address=self.address).internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL, None)
        return json.loads(asked or b"[]")

    def record_versions(self, ray: str, python: str) -> None:
        """Have the head say of its cluster that it runs these."""
        from ray._raylet import GcsClient

        record = json.dumps({"ray_version": ray, "python_version": python}).encode()
        GcsClient(address=self.address).internal_kv_put(b"CLUSTER_METADATA", record, True, b"cluster")

    def close(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


def _in_time(start: Callable[[], T]) -> T:
    """What `start` starts, which is tried again: Ray gives a node 30 s, whatever else the machine does."""
    for _ in range(TRIES - 1):
        before = psutil.Process().children()
        with contextlib.suppress(Exception):
            return start()
        # Half a node that is left over would answer at the next one's address.
        for process in set(psutil.Process().children()) - set(before):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    return start()


@contextmanager
def ray_nodes(port: int | None = None, **environment: str) -> Iterator[RayNodes]:
    """A head with one processor.

    Args:
        port: of the head; None for any.
        environment: variables of its nodes and of what is started meanwhile, beside ENVIRONMENT.
    """
    # The paths of Ray's sockets must be short.
    folder = tempfile.mkdtemp(prefix="rc", dir="/tmp")
    try:
        with mock.patch.dict(os.environ, {**ENVIRONMENT, "RAY_TMPDIR": folder, **environment}):
            nodes = RayNodes(port)
            try:
                yield nodes
            finally:
                nodes.close()
    finally:
        shutil.rmtree(Path(folder), ignore_errors=True)


def _end_left_head(port: int | None) -> None:
    """End what has this port: Ray leaves it of a head that did not come up, and the next one could not use it."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if f"--gcs_server_port={port}" in process.cmdline():
                process.kill()
                process.wait()


def wait_until(what: Callable[[], object]) -> None:
    """Until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)
