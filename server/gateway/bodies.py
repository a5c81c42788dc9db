"""Read a request's body, never more of it than the limit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import RefusalCode

MOST_PARTS = 32
"""Files, and fields, of one form."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request.

    Args:
        request: whose body was not read.
        limit: bytes.

    Raises:
        ServiceError: it is larger; code "too-large". What follows is not read.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise _too_large(int(stated), limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(len(body), limit)
    except ClientDisconnect as error:
        raise ServiceError(
            "The request ended early", f"{len(body)} bytes came", "Send it again.", code=RefusalCode.MALFORMED
        ) from error
    return bytes(body)


class Part(NamedTuple):
    """One part of a form.

    Attributes:
        content: its bytes.
        name: the file's name as the sender calls it; "" for a field. It names no file here.
    """

    content: bytes
    name: str = ""


async def read_form(request: Request, body: bytes) -> dict[str, Part]:
    """The parts of a multipart form by name, files and fields alike.

    Raises:
        ServiceError: it cannot be read; code "malformed".
    """

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, whole(), max_files=MOST_PARTS, max_fields=MOST_PARTS, max_part_size=len(body) + 1
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise malformed("The form cannot be read", str(getattr(error, "message", error))) from error
    try:
        return await _parts(form)
    finally:
        await form.close()


async def _parts(form: FormData) -> dict[str, Part]:
    parts = dict[str, Part]()
    for name, part in form.multi_items():
        if name in parts:
            raise malformed("The form has a part twice", repr(name))
        if isinstance(part, UploadFile):
            parts[name] = Part(await part.read(), part.filename or "")
        else:
            parts[name] = Part(part.encode())
    return parts


def malformed(what: str, why: str) -> ServiceError:
    """The error of a request that cannot be read."""
    return ServiceError(what, why, "GET /openapi.json says what is expected.", code=RefusalCode.MALFORMED)


def _too_large(nbytes: int, limit: int) -> ServiceError:
    return ServiceError(
        "The body of the request is too large",
        f"{nbytes / 1e6:.1f} MB or more, the gateway takes {limit / 1e6:g} MB",
        "Send a smaller photo or fewer frames, or start the gateway with a larger --body-limit.",
        code=RefusalCode.TOO_LARGE,
    )
