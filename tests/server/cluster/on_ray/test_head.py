"""A head is looked at before it is joined: who answers there, with which versions, and whether it asks for a token."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import ray

from blender_addon.core.errors import ServiceError
from server.cluster.head import check_head
from tests.support.servers import REPOSITORY, free_address
from tests.support.systems.ray_nodes import ENVIRONMENT, RayNodes, ray_nodes

CHECK = "import sys; from server.cluster import head; {first}; head.check_head(sys.argv[1], prove_closed=True)"


def checked(address: str, first: str = "pass", **environment: str) -> str:
    """The last line of what a server with other variables, or code, says of this head; "" when it would join."""
    told = subprocess.run(
        [sys.executable, "-c", CHECK.format(first=first), address],
        env={**os.environ, **ENVIRONMENT, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stderr.strip().splitlines()[-1] if told.returncode else ""


def test_a_closed_head_is_joined_and_another_token_is_named(nodes: RayNodes) -> None:
    assert checked(nodes.address) == ""
    assert "does not accept this server's token" in checked(nodes.address, RAY_AUTH_TOKEN="another" * 6)


def test_a_head_that_was_not_seen_to_refuse_is_not_joined(nodes: RayNodes) -> None:
    said = checked(nodes.address, first="head.ASK = 'raise SystemExit(7)'")
    assert "was not seen to refuse a connection without a token" in said


@pytest.mark.parametrize("address", ["", "nobody", "nowhere.invalid:6379", "127.0.0.1:99999"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(ServiceError, match="is out of reach"):
        check_head(address, prove_closed=False)


def test_no_head_at_the_address_is_said_with_what_to_do() -> None:
    with pytest.raises(ServiceError, match="is out of reach: Connection refused") as refused:
        check_head(f"127.0.0.1:{free_address().control_port}", prove_closed=False)
    assert "ray start --head" in refused.value.sentence


def test_an_open_head_is_refused_and_other_versions_are_named() -> None:
    """The cluster's own record of its versions is replaced by one of others."""
    with ray_nodes(RAY_AUTH_MODE="disabled") as open_nodes:
        address = open_nodes.address
        assert "does not join a Ray cluster that anybody can use" in checked(address)
        for ray_version, python, said in (
            ("2.52.0", "3.11.7", "it runs Ray 2.52.0, this server "),
            (ray.__version__, "3.12.1", "it runs 3.12.1, this server 3.11"),
        ):
            open_nodes.record_versions(ray_version, python)
            assert said in checked(address)
