"""Answers as JSON; an error as what, why and remedy with a status of HTTP."""

from __future__ import annotations

import functools
import re
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from blender_addon.core.errors import (
    CameraError,
    EngineError,
    ErrorCode,
    PhotoError,
    RealCamError,
    ServiceError,
    ShotError,
    WireError,
)
from blender_addon.core.protocol.keys import config_dir
from blender_addon.core.protocol.messages import RefusalCode

TOO_SLOW = "too-slow"
"""Code of the error of a body that comes too slowly."""
STATUS: dict[str, HTTPStatus] = {
    TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    RefusalCode.MALFORMED: HTTPStatus.BAD_REQUEST,
    RefusalCode.NOT_ALLOWED: HTTPStatus.UNAUTHORIZED,
    RefusalCode.NO_SUCH_JOB: HTTPStatus.NOT_FOUND,
    RefusalCode.NOT_READY: HTTPStatus.CONFLICT,
    RefusalCode.JOB_CONFLICT: HTTPStatus.CONFLICT,
    RefusalCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalCode.BAD_PAYLOAD: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.NO_SUCH_ENGINE: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalCode.ENGINE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalCode.NO_SPACE: HTTPStatus.INSUFFICIENT_STORAGE,
    ErrorCode.UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.LOST: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.INTERRUPTED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DISK_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
}
"""The status for each code of a ServiceError; any other is the server's fault, BAD_GATEWAY."""
OF_THE_REQUEST = (CameraError, EngineError, PhotoError, ShotError, WireError)
"""Errors in what was sent."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is answered: what happened, why, what to do; `code` is for programs."""

    what: str
    why: str = ""
    remedy: str = ""
    code: str = ""


def answer(content: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """A response with a struct, list or dictionary as JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def status_of(error: RealCamError) -> HTTPStatus:
    """The status of HTTP that says whose fault an error is."""
    if isinstance(error, ServiceError):
        return STATUS.get(error.code, HTTPStatus.BAD_GATEWAY)
    return HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, OF_THE_REQUEST) else HTTPStatus.INTERNAL_SERVER_ERROR


def problem_of(error: RealCamError) -> Problem:
    """An error as data, without the folders of this machine."""
    what, why, remedy = (without_places(text) for text in (error.what, error.why, error.remedy))
    return Problem(what=what, why=why, remedy=remedy, code=getattr(error, "code", ""))


def without_places(text: str) -> str:
    """A text in which each path of this machine is its last name alone."""
    return _places().sub(lambda found: re.split(r"[/\\]", found[0])[-1], text)


@functools.cache
def _places() -> re.Pattern[str]:
    """Paths below the folders that errors may name: the user's, temporary files', the program's."""
    program = Path(__file__).parents[2]
    folders = {str(folder) for folder in (Path.home(), config_dir(), Path(tempfile.gettempdir()), program, Path.cwd())}
    # The longest first: the home folder may hold the others.
    roots = "|".join(re.escape(folder) for folder in sorted(folders, key=len, reverse=True) if len(folder) > 1)
    return re.compile(rf"(?:{roots})(?:[/\\][^\s/\\:;,'\"]+)*[/\\]?")


async def answer_error(request: Request, error: Exception) -> Response:
    """The response to an error of ours."""
    assert isinstance(error, RealCamError)
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return answer(problem_of(error), status, headers)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """The response to a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    remedy = "GET /openapi.json lists paths and methods."
    what = {404: "There is nothing here", 405: "This path has no such method"}.get(error.status_code, error.detail)
    problem = Problem(
        what=what, why=f"{request.method} {request.scope['path'][:200]}", remedy=remedy, code="no-such-path"
    )
    return answer(problem, error.status_code, dict(error.headers or {}))


async def answer_unforeseen(request: Request, error: Exception) -> Response:
    """The response to an error that nobody foresaw; the log has its traceback, the answer nothing of it."""
    problem = Problem(what="The gateway failed", why=type(error).__name__, remedy="Its log says more.", code="failed")
    return answer(problem, HTTPStatus.INTERNAL_SERVER_ERROR)
