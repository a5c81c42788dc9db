"""A node of a Ray cluster at the end of a cable that can be pulled: in a network namespace of its own (Linux, root)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.network.namespaces import CLIENT_SIDE, SERVER_SIDE, inside, namespace_with_cable, plug
from tests.support.systems.ray_nodes import STORE_BYTES, RayNodes


@dataclass
class Cable:
    """Between a node and all others.

    Attributes:
        namespace: of the node.
        node: the command that started it, which ends with it.
    """

    namespace: str
    node: subprocess.Popen[bytes]

    def cut(self) -> None:
        """Nothing arrives any more at either end, and nobody is told."""
        plug(self.namespace, plugged=False)

    def mend(self) -> None:
        """Everything arrives again."""
        plug(self.namespace, plugged=True)


@contextmanager
def node_with_cable(nodes: RayNodes) -> Iterator[Cable]:
    """A node with a card on what is another machine to the network. Raises NoNamespaceError."""
    with namespace_with_cable() as namespace:
        for words in (("link", "set", "lo", "up"), ("route", "add", "default", "via", SERVER_SIDE)):
            subprocess.run(["ip", "-n", namespace, *words], check=True)
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        where = ["--address", nodes.address, "--node-ip-address", CLIENT_SIDE]
        what = ["--num-cpus=1", "--num-gpus=1", '--resources={"realcam_card_gb": 24}']
        store = f"--object-store-memory={STORE_BYTES}"
        node = subprocess.Popen(
            [*inside(namespace), *start, *where, *what, store, "--min-worker-port=0", "--max-worker-port=0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Cable(namespace, node)
        finally:
            node.terminate()
            node.wait()
