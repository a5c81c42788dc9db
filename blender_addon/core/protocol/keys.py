"""CURVE keys: made at first use, kept in the user's configuration, found without any set-up on this machine.

    <config>/server.key            this user's servers
    <config>/client.key            this user's clients: Blender and the command line alike
    <config>/known_servers.json    servers elsewhere, with the key pair each was paired with

Only their owner may read them (mode 0600). Keys are text, Z85, 40 characters, as ZeroMQ writes them.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import secrets
import shlex
import stat
import sys
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import zmq
from msgspec import Meta
from zmq.utils import z85

from ..errors import ErrorCode, ServiceError
from ..held_files import discard, rename_path, replace_path
from .server_address import ServerAddress

PublicKey = Annotated[str, Meta(min_length=40, max_length=40)]
"""A key of CURVE, Z85."""
PAIRING_PREFIX = "realcam-pair-1:"
"""How a pairing text begins."""
T = TypeVar("T")


class KeyPair(msgspec.Struct, frozen=True):
    """The public and the secret key of one side."""

    public: PublicKey
    secret: PublicKey


class KnownServer(msgspec.Struct, frozen=True):
    """A server that this computer was paired with: its public key, and the client keys made for it."""

    server_key: PublicKey
    client: KeyPair


class Pairing(msgspec.Struct, frozen=True):
    """The content of a pairing text. It holds a secret: whoever has the text can use the server.

    Attributes:
        host: name or address of the server.
        control_port: port of its control socket.
        data_port: port of its data socket.
        server_key: its public key.
        client_secret: the secret key made for this client.
    """

    host: str
    control_port: int
    data_port: int
    server_key: PublicKey
    client_secret: PublicKey


class SessionKeys(msgspec.Struct, frozen=True):
    """The keys that a client needs to connect: the server's public key and its own pair."""

    server_public: PublicKey
    client: KeyPair


def config_dir() -> Path:
    """The folder of this user's configuration; REALCAM_CONFIG_DIR names another one."""
    if chosen := os.environ.get("REALCAM_CONFIG_DIR"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "realcam"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "realcam"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "realcam"


def server_keys(config: Path) -> KeyPair:
    """This user's server key pair, made at first use.

    Raises:
        ServiceError: it cannot be read or stored.
    """
    return _load_or_make(config / "server.key")


def client_keys(config: Path) -> KeyPair:
    """This user's client key pair, made at first use.

    Raises:
        ServiceError: it cannot be read or stored.
    """
    return _load_or_make(config / "client.key")


def session_keys(address: ServerAddress, config: Path) -> SessionKeys:
    """The keys to reach a server with.

    These are the ones it was paired with, else the key typed beside the address, else, on this machine, this user's
    own.

    Args:
        address: the server's.
        config: the configuration folder.

    Raises:
        ServiceError: the server's key is not known, or a key file cannot be used.
    """
    # Without brackets: as version 0.1 wrote IPv6 addresses.
    paired = known_servers(config)
    known = paired.get(str(address)) or paired.get(f"{address.host}:{address.control_port}")
    if known is not None and address.server_key in ("", known.server_key):
        return SessionKeys(known.server_key, known.client)
    if address.server_key:
        return SessionKeys(checked_key(address.server_key), client_keys(config))
    if address.loopback and (config / "server.key").exists():
        return SessionKeys(server_keys(config).public, client_keys(config))
    invite = "On the server, run `realcam keys invite`, and paste the text it prints."
    raise ServiceError(
        f"The key of the server at {address} is not known",
        "it was not started by you on this computer, and this computer was not paired with it",
        f"{invite} {own_keys_remedy(config)}" if address.loopback else invite,
        code=ErrorCode.NO_KEY,
    )


def own_keys_remedy(config: Path) -> str:
    """What to do where a server on this machine has other keys than a client's folder `config` holds."""
    words = (
        f"A server of yours on this computer and its clients share the keys in {config}: check the port, and end the "
        "server that runs there, so that Blender starts its own."
    )
    if sys.platform == "win32":
        words += (
            " A Blender from the Microsoft Store has a private copy of that folder: have the environment variable "
            "REALCAM_CONFIG_DIR name one outside AppData, for Blender and for the server."
        )
    return words


def checked_key(text: str) -> str:
    """The public key in a text that a person pasted.

    Raises:
        ServiceError: it is none.
    """
    key = text.strip()
    try:
        z85.decode(key)
    except (ValueError, KeyError, UnicodeError) as error:
        raise _no_key(key) from error
    if len(key) != 40:
        raise _no_key(key)
    return key


def pairing_text(pairing: Pairing) -> str:
    """The line of text that pairs a client with a server."""
    return PAIRING_PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(pairing)).decode()


def accept_pairing(text: str, config: Path) -> ServerAddress:
    """The address of the server that a pairing text is for; its keys are stored.

    Args:
        text: as a person pasted it.
        config: the configuration folder.

    Raises:
        ServiceError: it is no pairing text.
        OSError: the keys cannot be stored.
    """
    body = text.strip().removeprefix(PAIRING_PREFIX)
    try:
        pairing = msgspec.msgpack.decode(base64.urlsafe_b64decode(body), type=Pairing)
        pair = KeyPair(zmq.curve_public(pairing.client_secret.encode()).decode(), pairing.client_secret)
    except (ValueError, msgspec.DecodeError, zmq.ZMQError) as error:
        raise ServiceError(
            "This is not a pairing text",
            "it cannot be read whole",
            f"Copy the whole line that begins with {PAIRING_PREFIX}",
        ) from error
    address = ServerAddress(pairing.host, pairing.control_port, pairing.data_port, pairing.server_key)
    known = {**known_servers(config), str(address): KnownServer(checked_key(pairing.server_key), pair)}
    write_private(config / "known_servers.json", msgspec.json.encode(known))
    return address


def known_servers(config: Path) -> dict[str, KnownServer]:
    """Paired servers by `host:port`; empty without any.

    Raises:
        ServiceError: the file of them cannot be used.
    """
    return read_private(config / "known_servers.json", dict[str, KnownServer]) or {}


def new_keys() -> KeyPair:
    """A new, random key pair."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a file that only this user may read, in one step.

    Args:
        path: the file; its folder is made where missing.
        data: its bytes.
        replace: replace a file that is there.

    Raises:
        FileExistsError: there is a file and `replace` is false.
        OSError: it cannot be written; no part of it is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            replace_path(fresh, path)
        elif os.name == "posix":
            _link(fresh, path)
        else:
            rename_path(fresh, path)
    finally:
        discard(fresh)


def _link(fresh: Path, path: Path) -> None:
    """Give a file a second name, which must be free.

    On a file system without hard links it is renamed: of two processes that do so at once the later one's file stays.
    """
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError as error:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        rename_path(fresh, path)


def read_private(path: Path, kind: type[T]) -> T | None:
    """The content of a JSON file that only this user may read; None when there is no such file.

    Args:
        path: the file.
        kind: the type it is decoded as.

    Raises:
        ServiceError: it cannot be read, others may read it, or it is damaged.
    """
    try:
        data = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ServiceError("A key file cannot be read", f"{path}: {error.strerror}", "Check who owns it.") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        private = f"chmod 600 {shlex.quote(str(path))}"
        raise ServiceError(
            "A key file can be read by others",
            f"{path} has mode {stat.S_IMODE(mode):o}",
            f"If nobody has copied it, run `{private}`; else delete it, and a new one is made.",
            code=ErrorCode.KEY_EXPOSED,
        )
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise ServiceError(
            "A key file is damaged", f"{path}: {error}", "Delete it; a new one is made, and clients pair again."
        ) from error


def _load_or_make(path: Path) -> KeyPair:
    """The key pair in a file, made when there is none. Two processes that do so at once end with the same pair."""
    pair = read_private(path, KeyPair)
    if pair is not None:
        return pair
    try:
        with contextlib.suppress(FileExistsError):
            write_private(path, msgspec.json.encode(new_keys()), replace=False)
    except OSError as error:
        raise ServiceError(
            "A key cannot be stored", f"{path}: {error.strerror}", "Check who owns the folder."
        ) from error
    made = read_private(path, KeyPair)
    if made is None:
        raise ServiceError("A key was removed while it was made", str(path), "Try again.")
    return made


def _no_key(text: str) -> ServiceError:
    return ServiceError(
        "This is not a public key",
        f"{len(text)} characters that do not decode, instead of 40",
        "`realcam keys show` on the other computer prints it.",
        code=ErrorCode.BAD_KEY,
    )
