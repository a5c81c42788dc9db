"""The shot in a request's body: a shot file, or a photo and a camera as JSON or as a form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.protocol.messages import Welcome

from .bodies import Part, kept, malformed, no_room, read_body, received_form
from .photo_job import PhotoSettings, memory_needed, photo_shot, read_photo_form, read_photo_job

T = TypeVar("T")
SHOT_TYPE, JSON_TYPE, FORM_TYPE = "application/octet-stream", "application/json", "multipart/form-data"
"""A shot file as the add-on sends it, and the two kinds of a photo with a camera."""
JSON_LIMIT = 32_000_000
"""Bytes of JSON, which has to be in memory as a whole; a form has files, which have not."""


class SentShot(NamedTuple):
    """A shot to submit.

    Attributes:
        payload: a shot file.
        engine: name of the engine.
        notes: what is to be said of it.
    """

    payload: bytes | memoryview
    engine: str
    notes: tuple[str, ...] = ()


async def received_shot(request: Request, limit: int, welcome: Welcome, rendering: asyncio.Lock) -> SentShot:
    """The shot in a request's body.

    Args:
        request: whose body was not read.
        limit: bytes that the gateway takes; the server's limit counts too.
        welcome: the server's.
        rendering: held while a preview is rendered.

    Raises:
        RealCamError: it is none.
    """
    limit = min(limit, welcome.limits.payload_bytes)
    kind = request.headers.get("content-type", SHOT_TYPE).partition(";")[0].strip().lower()
    if kind == SHOT_TYPE:
        payload = await read_body(request, limit)
        shot = await run_in_threadpool(decode_shot, payload, welcome.limits)
        return SentShot(payload, shot.settings.engine)
    if kind == JSON_TYPE:
        body = await read_body(request, min(limit, JSON_LIMIT))
        return await _rendered(read_photo_job, body, welcome, rendering)
    if kind == FORM_TYPE:
        async with received_form(request, limit) as parts:
            return await _rendered(read_photo_form, parts, welcome, rendering)
    raise malformed("This kind of body is not read", f"Content-Type is {kind[:80]!r}")


async def _rendered(
    read: Callable[[T], tuple[PhotoSettings, Mapping[str, Part]]], sent: T, welcome: Welcome, rendering: asyncio.Lock
) -> SentShot:
    def made() -> SentShot:
        try:
            shot, notes = photo_shot(*read(sent), welcome)
            return SentShot(encode_shot(shot), shot.settings.engine, notes)
        except MemoryError as error:
            raise memory_needed(str(error)) from error
        except OSError as error:
            raise no_room(error) from error

    # Previews of large clips take gigabytes and all cores.
    async with rendering:
        shot = await run_in_threadpool(made)
        return shot._replace(payload=await kept(bytes(shot.payload)))
