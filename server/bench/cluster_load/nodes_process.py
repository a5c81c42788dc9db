"""A Ray cluster of several nodes on this machine: `python -m server.bench.cluster_load.nodes_process`.

A head, and a node for each AddNode that it reads. It ends with its input, and the cluster with it.
"""

from __future__ import annotations

import sys

import msgspec
from ray.cluster_utils import Cluster

from .questions import Added, AddNode

STORE_BYTES = 160 * 1024 * 1024
"""Of a node's object store."""
SLOT = "slot"
"""The custom resource that plain calls ask for, one for each card: the cards themselves are held by the workers."""


def main() -> None:
    """Serve until the input ends."""
    cluster = Cluster()
    options = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    # Without processes that are not needed here: an autoscaler, and one that prints the workers' logs.
    cluster.add_node(no_monitor=True, include_log_monitor=False, **options)
    for line in iter(sys.stdin.readline, ""):
        cards = msgspec.json.decode(line, type=AddNode).cards
        cluster.add_node(num_gpus=cards, resources={SLOT: cards}, **options)
        print(msgspec.json.encode(Added(str(cluster.address))).decode(), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
