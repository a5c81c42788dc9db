"""Read a request's body, never more of it than the limit; a large one lies in a file without a name, not in memory."""

from __future__ import annotations

import asyncio
import errno
import mmap
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.messages import RefusalCode

from .answers import TOO_SLOW

IN_MEMORY = 4_000_000
"""Bytes of a body that are held in memory; what is larger lies in the folder for temporary files (TMPDIR)."""
LARGEST_FIELD = 4_000_000
"""Bytes of a form's field that is no file: the settings, with the camera of every frame."""
MOST_PARTS = 32
"""Files, and fields, of one form."""
GRACE = 30.0
"""Seconds that any body may take; a longer one has to come at SLOWEST at least."""
SLOWEST = 10_000
"""Bytes a second, on average."""


async def read_body(request: Request, limit: int) -> bytes | memoryview:
    """The body of a request; a large one is a view of its file, which goes with the view.

    Args:
        request: whose body was not read.
        limit: bytes.

    Raises:
        ServiceError: as `chunks_of` raises.
    """
    file = _new_file()
    try:
        async for chunk in chunks_of(request, limit):
            await _append(file, chunk)
        return await _content(file)
    finally:
        await file.close()


async def kept(payload: bytes) -> bytes | memoryview:
    """The same bytes; many of them as a view of a file: they may wait for a slow server without taking memory."""
    if len(payload) <= IN_MEMORY:
        return payload
    file = _new_file()
    try:
        await _append(file, payload)
        return await _content(file)
    finally:
        await file.close()


class Part(NamedTuple):
    """One part of a form.

    Attributes:
        content: its bytes, or a file of them.
        name: the file's name as the sender calls it; "" for a field. It names no file here.
    """

    content: bytes | BinaryIO
    name: str = ""

    def write(self, path: Path) -> None:
        """Write the bytes to a new file."""
        with path.open("xb") as file:
            if isinstance(self.content, bytes):
                file.write(self.content)
            else:
                shutil.copyfileobj(self.content, file)


@asynccontextmanager
async def received_form(request: Request, limit: int) -> AsyncIterator[dict[str, Part]]:
    """The parts of a multipart form by name, files and fields alike, until the context is left.

    Args:
        request: whose body was not read.
        limit: bytes of all parts together.

    Raises:
        ServiceError: it cannot be read, code "malformed", or as `chunks_of` raises.
    """
    parser = MultiPartParser(
        request.headers,
        chunks_of(request, limit),
        max_files=MOST_PARTS,
        max_fields=MOST_PARTS,
        max_part_size=LARGEST_FIELD,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise malformed("The form cannot be read", str(getattr(error, "message", error))) from error
    except OSError as error:
        raise no_room(error) from error
    try:
        yield _parts(form)
    finally:
        await form.close()


def _parts(form: FormData) -> dict[str, Part]:
    parts = dict[str, Part]()
    for name, part in form.multi_items():
        if name in parts:
            raise malformed("The form has a part twice", repr(name[:80]))
        if isinstance(part, UploadFile):
            parts[name] = Part(part.file, part.filename or "")
        else:
            parts[name] = Part(part.encode())
    return parts


async def chunks_of(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body of a request as it comes.

    Args:
        request: whose body was not read.
        limit: bytes.

    Raises:
        ServiceError: it is larger, code "too-large", and what follows is not read; it comes too slowly, code
            "too-slow"; it ends early, code "malformed".
    """
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise _too_large(int(stated), limit)
    begun, received, stream = time.monotonic(), 0, request.stream()
    while True:
        try:
            async with asyncio.timeout(begun + GRACE + received / SLOWEST - time.monotonic()):
                chunk = await anext(stream, None)
        except ClientDisconnect as error:
            raise malformed("The request ended early", f"{received} bytes came", "Send it again.") from error
        except TimeoutError as error:
            why = f"{received} bytes came in {time.monotonic() - begun:.0f} s"
            remedy = f"Send {SLOWEST / 1000:g} kB a second at least."
            raise ServiceError("The body of the request comes too slowly", why, remedy, code=TOO_SLOW) from error
        if chunk is None:
            return
        received += len(chunk)
        if received > limit:
            raise _too_large(received, limit)
        yield chunk


def malformed(what: str, why: str, remedy: str = "GET /openapi.json says what is expected.") -> ServiceError:
    """The error of a request that cannot be read."""
    return ServiceError(what, why, remedy, code=RefusalCode.MALFORMED)


def no_room(error: OSError) -> ServiceError:
    """The error of a full disk; any other is raised again."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise error
    why = f"its folder for temporary files: {error.strerror}"
    return ServiceError("The gateway has no room for the request", why, "Try again later.", code=ErrorCode.DISK_FULL)


def _new_file() -> UploadFile:
    return UploadFile(cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY)), size=0)


async def _append(file: UploadFile, chunk: bytes) -> None:
    try:
        await file.write(chunk)
    except OSError as error:
        raise no_room(error) from error


async def _content(file: UploadFile) -> bytes | memoryview:
    await file.seek(0)
    if (file.size or 0) <= IN_MEMORY:
        return await file.read()
    return memoryview(mmap.mmap(file.file.fileno(), 0, access=mmap.ACCESS_READ))


def _too_large(nbytes: int, limit: int) -> ServiceError:
    return ServiceError(
        "The body of the request is too large",
        f"{nbytes / 1e6:.1f} MB or more, the gateway takes {limit / 1e6:g} MB of its kind",
        "Send a form or a shot file in place of JSON, a smaller photo, or fewer frames; the gateway's --body-limit may"
        " be raised as far as the server's own.",
        code=RefusalCode.TOO_LARGE,
    )
