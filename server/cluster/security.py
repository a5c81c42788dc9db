"""Whether a Ray cluster is safe to join, and with which environment: pure but for a look at files.

Whoever can talk to a Ray cluster runs code on all of its nodes. So the server joins one only where Ray asks for a token
or for a certificate, or where the operator says that the network is private.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import RefusalCode

LOCAL = "local"
"""The address that stands for a cluster of this machine alone, which the server starts and ends."""
TLS_FILES = ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
"""Variables that name the files of Ray's TLS, which is mutual."""
REMEDY = (
    "Run `ray get-auth-token --generate` once, copy ~/.ray/auth_token to every node, set RAY_AUTH_MODE=token on all of "
    "them and here, and start the cluster again; or set RAY_USE_TLS=1 with its certificates. Where nobody else can "
    "reach any port of the nodes, say --network-is-private."
)


@dataclass(frozen=True)
class Joining:
    """How a process joins a cluster.

    Attributes:
        environment: of the process, whole.
        prove_closed: whether the cluster is to be shown to refuse who has no token before it is joined.
    """

    environment: Mapping[str, str]
    prove_closed: bool


def joining(address: str, environment: Mapping[str, str], home: Path, *, network_is_private: bool = False) -> Joining:
    """How to join a cluster safely.

    Args:
        address: host:port of the cluster's head, or LOCAL.
        environment: the server's.
        home: the user's folder, where Ray looks for its token last.
        network_is_private: the operator answers for everybody who can reach the nodes.

    Returns:
        The environment to join with. For LOCAL it holds a token that nobody else knows.

    Raises:
        ServiceError: neither Ray's token authentication nor its TLS is switched on, or their files are not there.
    """
    if _on(environment.get("RAY_USE_TLS", "")):
        missing = [name for name in TLS_FILES if not Path(environment.get(name) or "?").is_file()]
        if missing:
            raise _refused(f"RAY_USE_TLS is set, and no file is named by {', '.join(missing)}")
        return Joining(environment, prove_closed=False)
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if address == LOCAL and mode != "disabled":
        token = environment.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)
        return Joining({**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}, prove_closed=False)
    if mode == "token":
        if not _has_token(environment, home):
            raise _refused("RAY_AUTH_MODE=token is set, and there is no token in RAY_AUTH_TOKEN or ~/.ray/auth_token")
        return Joining(environment, prove_closed=not network_is_private)
    if network_is_private:
        return Joining(environment, prove_closed=False)
    raise _refused("neither its token authentication nor its TLS is switched on")


def _on(value: str) -> bool:
    return value.lower() in ("1", "true")


def _has_token(environment: Mapping[str, str], home: Path) -> bool:
    if environment.get("RAY_AUTH_TOKEN"):
        return True
    path = Path(environment.get("RAY_AUTH_TOKEN_PATH") or home / ".ray" / "auth_token")
    try:
        return bool(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False


def _refused(why: str) -> ServiceError:
    return ServiceError(
        "The server does not join a Ray cluster that anybody can use", why, REMEDY, code=RefusalCode.NOT_ALLOWED
    )


def open_cluster(address: str) -> ServiceError:
    """The error of a cluster that takes in whoever has no token."""
    return _refused(f"the cluster at {address} answered a connection without its token: it was started without one")
