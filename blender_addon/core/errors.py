"""The errors that reach a user: what happened, why, and what to do about it."""

from __future__ import annotations

import enum

from .printable import printable


class RealCamError(Exception):
    """An error that a user can read. Each part of the program raises its own subclass.

    Args:
        what: one clause, what went wrong ("The depth map does not fit the photo").
        why: the facts that show it, with numbers ("photo 741 x 500, depth 640 x 640").
        remedy: what the reader can do next ("Export the depth again with the photo's aspect").
    """

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(self.sentence)

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends with this error."""
        return 1

    @property
    def sentence(self) -> str:
        """The whole message as prose, for a panel, a terminal or a message: names in it are printable."""
        text = f"{self.what}: {self.why}" if self.why else self.what
        text = text if text.endswith((".", "!", "?")) else f"{text}."
        return printable(f"{text} {self.remedy}".rstrip() if self.remedy else text)


class CameraError(RealCamError):
    """A trajectory, intrinsics or camera file that cannot be used."""


class PhotoError(RealCamError):
    """A photo or its depth that cannot become a scene."""


class ShotError(RealCamError):
    """A shot that cannot be rendered or sent as it stands."""


class WireError(RealCamError):
    """Bytes from the other side that break the protocol."""


class ErrorCode(enum.StrEnum):
    """Codes of errors found by the client; what the server refuses has a RefusalCode (protocol.messages)."""

    UNREACHABLE = "unreachable"
    """Nobody answers at the address."""
    LOST = "lost"
    """A connection broke or was silent for too long."""
    INTERRUPTED = "interrupted"
    """The caller itself ended the wait."""
    HANDSHAKE = "handshake"
    """What listens is no RealCam server, or one with another key."""
    NO_KEY = "no-key"
    """The server's public key is not known."""
    BAD_KEY = "bad-key"
    """A text is no public key."""
    KEY_EXPOSED = "key-exposed"
    """A key file can be read by others."""
    FAILED = "failed"
    """The job failed on the server."""
    DAMAGED = "damaged"
    """What was received does not have its checksum."""
    DISK_FULL = "disk-full"
    NOT_WRITABLE = "not-writable"
    PORT_TAKEN = "port-taken"
    STORE_IN_USE = "store-in-use"
    """Another server has the data folder."""


IN_USE = 75
"""The exit code of a server whose port or data folder another one has, which may be about to end: EX_TEMPFAIL."""


class ServiceError(RealCamError):
    """The server refused, failed or lost something.

    Args:
        what: see RealCamError.
        why: see RealCamError.
        remedy: see RealCamError.
        code: an ErrorCode or a RefusalCode; "" where no caller needs to tell it from others.
    """

    def __init__(self, what: str, why: str = "", remedy: str = "", *, code: str = "") -> None:
        super().__init__(what, why, remedy)
        self.code = code

    @property
    def exit_code(self) -> int:
        """See RealCamError."""
        return IN_USE if self.code in (ErrorCode.PORT_TAKEN, ErrorCode.STORE_IN_USE) else super().exit_code


class EngineError(RealCamError):
    """A shot or request that the engine cannot make."""


class TimelineError(RealCamError):
    """A finished clip that cannot be kept as a take or put on the timeline."""
