"""The ready file of `serve --ready-file`: tells the process that started a server that it accepts connections, and
where.

It appears complete, once the sockets are bound, and is removed when that server ends. After a kill -9 it stays until
the next server that is given the same path begins to start: a reader that did not start the server itself compares
`boot_id` with the one in the server's WELCOME.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from blender_addon.core.errors import ServiceError
from blender_addon.core.held_files import remove_file
from blender_addon.core.protocol.keys import PublicKey, write_private
from blender_addon.core.protocol.server_address import ServerAddress, host_on_this_machine


class ServerReady(msgspec.Struct, frozen=True):
    """Where a server accepts connections, and which process it is.

    Attributes:
        host: what it listens on.
        control_port: port of the control socket.
        data_port: port of the data socket.
        public_key: the server's, Z85.
        boot_id: another one at each start.
        pid: of the server itself, which need not be the process that its starter sees (launchers, containers).
        software: name and version.
    """

    host: str
    control_port: int
    data_port: int
    public_key: PublicKey
    boot_id: str
    pid: int
    software: str

    @property
    def address(self) -> ServerAddress:
        """The address for a client of the same user on this machine, who finds the key in the configuration."""
        return ServerAddress(host_on_this_machine(self.host), self.control_port, self.data_port)


def write_ready_file(path: Path, ready: ServerReady) -> None:
    """Write the ready file in one step, in place of another server's.

    Raises:
        ServiceError: it cannot be written.
    """
    try:
        write_private(path, msgspec.json.encode(ready))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def read_ready_file(path: Path) -> ServerReady | None:
    """What a server wrote to the ready file; None as long as there is no file.

    Raises:
        ServiceError: it is something else, or cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServerReady)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except msgspec.DecodeError as error:
        raise _unusable(path, f"it is not a server's: {error}") from error


def remove_ready_file(path: Path, boot_id: str | None = None) -> None:
    """Remove the ready file, if there is one.

    Args:
        path: the ready file.
        boot_id: removes only the file of the server with this boot id; None: of any server.

    Raises:
        ServiceError: the path holds something else, which stays, or cannot be removed.
    """
    written = read_ready_file(path)
    if written is None or boot_id not in (None, written.boot_id):
        return
    try:
        remove_file(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error


def _unusable(path: Path, why: str) -> ServiceError:
    return ServiceError("The ready file cannot be used", f"{path}: {why}", "Name another file with --ready-file.")
