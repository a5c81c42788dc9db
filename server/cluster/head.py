"""The head of a Ray cluster before it is joined: whether it is there, what it runs, whether it asks for a token."""

from __future__ import annotations

import socket
import subprocess
import sys

import msgspec
import ray
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError, RayError

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError

from .security import open_cluster

ANSWER_SECONDS = 10.0
"""How long a head may take to answer."""
REFUSED = 3
"""Exit code of a process without a token whose connection the head refuses for that."""
ASK = f"""
import sys
from server.cluster.head import AuthenticationError, metadata
try:
    metadata(sys.argv[1])
except AuthenticationError:
    sys.exit({REFUSED})
"""
"""What a process without a token tries."""


class Metadata(msgspec.Struct, frozen=True):
    """What a head says of its cluster."""

    ray_version: str
    python_version: str


def listens(address: str) -> str:
    """Why nobody answers at host:port; "" when somebody does."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        return f"{address!r} is no address: write host:port, as `ray start --head` says it"
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        return f"{error.strerror or error}"
    return ""


def metadata(address: str) -> Metadata:
    """What the cluster at this address runs.

    Raises:
        AuthenticationError: it asks for another token.
        RayError: it does not answer as a head does.
    """
    client = GcsClient(address=address)
    told = client.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=ANSWER_SECONDS)
    return msgspec.json.decode(told or b"null", type=Metadata)


def check_head(address: str, *, prove_closed: bool) -> None:
    """Find out whether the cluster can be joined.

    Args:
        address: host:port.
        prove_closed: whether it must refuse who has no token.

    Raises:
        ServiceError: it cannot.
    """
    if why := listens(address):
        raise ServiceError(
            f"The Ray cluster at {address} is out of reach", why, "Start its head there: `ray start --head`."
        )
    try:
        found = metadata(address)
    except AuthenticationError:
        raise ServiceError(
            f"The Ray cluster at {address} does not accept this server's token",
            "it was started with another one, or with none here",
            "Copy ~/.ray/auth_token from its head, or set RAY_AUTH_TOKEN.",
        ) from None
    except (RayError, msgspec.DecodeError, RuntimeError, TimeoutError) as error:
        raise ServiceError(f"No Ray head answers at {address}", str(error).strip().splitlines()[-1][:300]) from error
    _check_versions(address, found)
    if prove_closed:
        _prove_closed(address)


def _check_versions(address: str, found: Metadata) -> None:
    ours = sys.version.split()[0]
    if found.ray_version != ray.__version__:
        raise ServiceError(
            f"The Ray cluster at {address} is of another version",
            f"it runs Ray {found.ray_version}, this server {ray.__version__}",
            f"Install ray=={found.ray_version} here, or ray=={ray.__version__} on all of its nodes.",
        )
    if found.python_version.split(".")[:2] != ours.split(".")[:2]:
        raise ServiceError(
            f"The Ray cluster at {address} runs another Python",
            f"it runs {found.python_version}, this server {ours}",
            "Run the server with the Python of the cluster's nodes.",
        )


def _prove_closed(address: str) -> None:
    """Try a connection without a token.

    Raises:
        ServiceError: the head answers it, or does not say that it is for the token that it refuses.
    """
    environment = {name: value for name, value in child_environment().items() if not name.startswith("RAY_AUTH")}
    try:
        code, said = _exit_of([sys.executable, "-c", ASK, address], {**environment, "RAY_AUTH_MODE": "disabled"})
    except subprocess.TimeoutExpired:
        code, said = 1, f"no answer in {6 * ANSWER_SECONDS:.0f} s"
    if code == 0:
        raise open_cluster(address)
    if code != REFUSED:
        raise ServiceError(
            f"The Ray cluster at {address} was not seen to refuse a connection without a token",
            said,
            "Try again; where nobody else can reach any port of the nodes, say --network-is-private.",
        )


def _exit_of(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code of a command, and the last line of its errors."""
    ended = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=6 * ANSWER_SECONDS,
        check=False,
    )
    return ended.returncode, (ended.stderr.strip().splitlines() or [""])[-1][:300]
