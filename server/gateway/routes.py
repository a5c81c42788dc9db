"""The gateway's paths: submit, status, events, results, cancel."""

from __future__ import annotations

import asyncio
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from blender_addon.core.errors import RealCamError, ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import JOB_ID_PATTERN, JobState, JobStatus, RefusalCode

from .answers import answer, answer_error, answer_http_error, answer_unforeseen, without_places
from .bodies import malformed
from .connections import Connections
from .events import job_events
from .openapi import Submitted, openapi_document
from .page import POLICY, page
from .sent_shots import received_shot
from .shares import Shares
from .tokens import bearer_token, keys_of

T = TypeVar("T")
Answerer = Callable[[Request], Awaitable[Response]]
DEFAULT_BODY_LIMIT = 256_000_000
"""Bytes."""
MEDIA_TYPES = {
    **{".mp4": "video/mp4", ".json": "application/json", ".png": "image/png", ".jpg": "image/jpeg"},
    ".npz": "application/octet-stream",
}
"""Of a result file, by its ending: never one that a browser would run."""
LAST_EVENT = re.compile(r"\A[0-9]{1,9}\Z")


def gateway_app(connections: Connections, body_limit: int = DEFAULT_BODY_LIMIT) -> Starlette:
    """The gateway.

    Args:
        connections: to the service.
        body_limit: bytes that a request's body may have.
    """
    gateway = Gateway(connections, body_limit)

    @asynccontextmanager
    async def until_closed(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(connections.close)

    routes = [
        Route("/", _page),
        Route("/openapi.json", _openapi),
        Route("/v1/engines", gateway.engines),
        _route("/v1/jobs", GET=gateway.jobs, POST=gateway.submit),
        _route("/v1/jobs/{job_id}", GET=gateway.status, DELETE=gateway.cancel),
        Route("/v1/jobs/{job_id}/events", gateway.events),
        Route("/v1/jobs/{job_id}/files/{name:path}", gateway.result),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        RealCamError: answer_error,
        HTTPException: answer_http_error,
        Exception: answer_unforeseen,
    }
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=until_closed)
    # A redirection would name the host that the request claims to have asked.
    app.router.redirect_slashes = False
    return app


@dataclass(frozen=True)
class Gateway:
    """The answers to requests. Each reads the token first, and the body only once the service knows the token.

    Attributes:
        connections: to the service.
        body_limit: bytes.
        rendering: held while a preview is rendered, which takes all cores: one at a time.
        shares: of the tokens.
    """

    connections: Connections
    body_limit: int
    rendering: asyncio.Lock = field(default_factory=asyncio.Lock)
    shares: Shares = field(default_factory=Shares)

    async def engines(self, request: Request) -> Response:
        """What the engines can do."""
        return answer(await self._asked(_keys(request), lambda client: client.connect().engines))

    async def jobs(self, request: Request) -> Response:
        """The token's jobs, newest first."""
        return answer(await self._asked(_keys(request), Client.jobs))

    async def submit(self, request: Request) -> Response:
        """The status of a new job."""
        keys = _keys(request)
        job_id = request.query_params.get("job_id") or uuid.uuid4().hex
        if not re.match(JOB_ID_PATTERN, job_id):
            raise malformed("This is not a job's id", repr(job_id[:80]))
        welcome = await self._asked(keys, Client.connect)
        title = request.query_params.get("title", "")
        async with self.shares.transfer(keys):
            sent = await received_shot(request, self.body_limit, welcome, self.rendering)
            status = await self._transferred(
                keys, lambda client: client.submit(job_id, sent.payload, sent.engine, title)
            )
        submitted = Submitted(job=status, notes=tuple(without_places(note) for note in sent.notes))
        return answer(submitted, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job_id}"})

    async def status(self, request: Request) -> Response:
        """The status of a job."""
        return answer(await self._status(request))

    async def cancel(self, request: Request) -> Response:
        """The status of a job that was asked to stop, which it does at its next step."""
        status = await self._status(request)
        if status.state.final:
            return answer(status)
        answered = await self._asked(_keys(request), lambda client: client.cancel(status.job_id))
        return answer(answered, HTTPStatus.OK if answered.state.final else HTTPStatus.ACCEPTED)

    async def events(self, request: Request) -> ASGIApp:
        """The events of a job, as they come."""
        last = request.headers.get("last-event-id", "")
        if last and not LAST_EVENT.match(last):
            raise malformed("Last-Event-ID cannot be read", f"{last[:40]!r} is not the number of an event")
        previews = request.query_params.get("previews", "false")
        if previews not in ("true", "false"):
            raise malformed("This is neither true nor false", f"previews is {previews[:40]!r}")
        keys, status = _keys(request), await self._status(request)
        events = job_events(self.connections, keys, status.job_id, int(last or 0), previews == "true")
        # For nginx, which else keeps a stream until it has enough of it.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stack = AsyncExitStack()
        stack.enter_context(self.shares.stream(keys))
        return Holding(StreamingResponse(events, media_type="text/event-stream", headers=headers), stack)

    async def result(self, request: Request) -> ASGIApp:
        """One file of a finished job, checked against its checksum."""
        keys, status = _keys(request), await self._status(request)
        name = request.path_params["name"]
        if status.state is not JobState.DONE:
            raise ServiceError(
                "This job has no result", f"it is {status.state.value}", status.reason, code=RefusalCode.NOT_READY
            )
        known = {file.name: file for file in status.results}
        if name not in known:
            raise ServiceError(
                "The job has no such file",
                repr(name[:80]),
                f"It has: {', '.join(known)}.",
                code=RefusalCode.NO_SUCH_JOB,
            )
        headers = {"ETag": f'"{known[name].sha256}"', "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
        if request.method == "HEAD":
            return Response(headers=headers | {"Content-Length": str(known[name].nbytes)}, media_type=media_type)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.shares.transfer(keys))
            own = tempfile.TemporaryDirectory(prefix="realcam-gateway-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(own))
            (path,) = await self._transferred(keys, lambda client: client.fetch(status.job_id, folder, names=[name]))
            return Holding(FileResponse(path, headers=headers, media_type=media_type), stack.pop_all())

    async def _status(self, request: Request) -> JobStatus:
        """The status of the job in the path.

        Raises:
            ServiceError: the token has no such job, which another's job is like.
        """
        keys, job_id = _keys(request), _checked_id(request.path_params["job_id"])
        status = await self._asked(keys, lambda client: client.status(job_id))
        if status.state is JobState.UNKNOWN:
            raise _no_such_job(job_id)
        return status

    async def _asked(self, keys: KeyPair, question: Callable[[Client], T]) -> T:
        """The short answer of the service to a token, in another thread."""

        def ask() -> T:
            with self.connections.client(keys) as client:
                return question(client)

        async with self.shares.question(keys, self.connections.knows(keys)):
            return await run_in_threadpool(ask)

    async def _transferred(self, keys: KeyPair, transfer: Callable[[Client], T]) -> T:
        """The same over a connection of its own: what takes long holds up no other request of the token."""

        def work() -> T:
            with self.connections.follower(keys) as client:
                return transfer(client)

        return await run_in_threadpool(work)


class Holding:
    """A response with what it needs until its last byte is sent, or nobody waits for it any more."""

    def __init__(self, response: Response, needed: AsyncExitStack) -> None:
        self._response = response
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._needed:
            await self._response(scope, receive, send)


def _route(path: str, **by_method: Answerer) -> Route:
    """One route for all methods of a path: `Allow` then names them all."""

    async def answered(request: Request) -> Response:
        return await by_method["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answered, methods=list(by_method))


async def _openapi(request: Request) -> Response:
    return answer(openapi_document())


async def _page(request: Request) -> Response:
    return HTMLResponse(page(openapi_document()), headers={"Content-Security-Policy": POLICY})


def _keys(request: Request) -> KeyPair:
    return keys_of(bearer_token(request.headers.get("authorization", "")))


def _checked_id(job_id: str) -> str:
    if not re.match(JOB_ID_PATTERN, job_id):
        raise _no_such_job(job_id)
    return job_id


def _no_such_job(job_id: str) -> ServiceError:
    return ServiceError(
        "You have no such job", repr(job_id[:80]), "GET /v1/jobs lists yours.", code=RefusalCode.NO_SUCH_JOB
    )
