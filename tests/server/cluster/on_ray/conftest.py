"""Ray clusters of this machine; without Ray nothing here is collected (make test-cluster has it)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.support.systems.ray_nodes import ENVIRONMENT, RayNodes, ray_nodes

if importlib.util.find_spec("ray") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    # Ray reads its variables when it is imported.
    os.environ.update(ENVIRONMENT)


@pytest.fixture(scope="session")
def nodes() -> Iterator[RayNodes]:
    """A cluster for all tests: a head, to which they add nodes."""
    with ray_nodes() as cluster:
        yield cluster
