"""A cluster whose nodes know each other by certificates in place of a token."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

from server.demo.motorcycle import Motorcycle
from tests.support.servers import REPOSITORY, RunningServer, free_address
from tests.support.shots import small_payload, small_shot
from tests.support.systems.made_clips import made
from tests.support.systems.ray_certificates import tls_environment
from tests.support.systems.ray_nodes import PATIENCE, STORE_BYTES, TRIES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl, which is not here"),
]


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a cluster with TLS; what is started meanwhile joins it so.

    Another process starts it, since this one has read that Ray asks for a token.
    """
    host = ray.util.get_node_ip_address()
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name)
    for name, value in tls_environment(tmp_path, "127.0.0.1", host).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    # As long as ten of an idle machine's; then another one is tried.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "40")
    address = f"{host}:{free_address().control_port}"
    # The paths of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(prefix="rc", dir="/tmp", ignore_cleanup_errors=True) as folder:
        for _ in range(TRIES):
            process = subprocess.Popen(head_command(address, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                assert process.stdout is not None
                if any(b"Ray runtime started" in line for line in process.stdout):
                    yield address
                    return
            finally:
                process.terminate()
                process.communicate()
        pytest.fail("no head came up")


def head_command(address: str, folder: str) -> list[str]:
    """What starts a head at an address, with a folder for its files; it ends with its command."""
    host, _, port = address.rpartition(":")
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--include-dashboard=false"),
        *(f"--node-ip-address={host}", f"--port={port}", f"--temp-dir={folder}", "--num-cpus=1"),
        *(f"--object-store-memory={STORE_BYTES}", "--min-worker-port=0", "--max-worker-port=0"),
    ]


def test_a_cluster_with_tls_is_joined_without_a_token_and_a_job_is_made(
    head: str, bike: Motorcycle, tmp_path: Path
) -> None:
    arguments = ("--cluster", head)
    server = RunningServer(tmp_path / "data", tmp_path / "config", arguments, log=tmp_path / "log").start()
    try:
        with server.client(patience=PATIENCE) as client:
            frames = made(client, small_payload(bike), "copy", tmp_path)
    finally:
        server.stop()
    np.testing.assert_array_equal(frames, small_shot(bike).preview[..., :3])


def test_who_has_no_certificate_does_not_join(head: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_USE_TLS")
    check = "import sys; from server.cluster.head import metadata; metadata(sys.argv[1])"
    asked = subprocess.run(
        [sys.executable, "-c", check, head], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert asked.returncode, "the head answered in plain text"
