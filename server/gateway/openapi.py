"""The gateway's OpenAPI document, from the structs that are sent."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import JobStatus
from blender_addon.core.version import VERSION

from .answers import Problem
from .photo_job import FILES, PhotoJob, PhotoSettings
from .sent_shots import FORM_TYPE, JSON_TYPE, SHOT_TYPE


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the server has on disk, and what is to be said of the shot."""

    job: JobStatus
    notes: tuple[str, ...] = ()


@functools.cache
def openapi_document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    kinds = (list[JobStatus], JobStatus, list[EngineCapability], Problem, Submitted, PhotoJob, PhotoSettings)
    references, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    jobs, status, engines, problem, submitted, job, settings = references
    errors = {str(code): _json(words, problem) for code, words in ERRORS.items()}
    paths: dict[str, dict[str, Any]] = {
        "/v1/engines": {"get": _operation("engines", "What the engines can do", {"200": _json("Engines", engines)})},
        "/v1/jobs": {
            "get": _operation("jobs", "Your jobs, newest first", {"200": _json("Jobs", jobs)}),
            "post": _submit(submitted, job, settings),
        },
        "/v1/jobs/{job_id}": {
            "parameters": [JOB],
            "get": _operation("status", "The status of a job", {"200": _json("The job", status)}),
            "delete": _operation(
                "cancel",
                "Stop a job within a step",
                {"200": _json("It has ended", status), "202": _json("It stops at its next step", status)},
            ),
        },
        "/v1/jobs/{job_id}/events": {
            "parameters": [JOB, LAST_EVENT, PREVIEWS],
            "get": _operation("events", "The states and the progress of a job", {"200": EVENTS}),
        },
        "/v1/jobs/{job_id}/files/{name}": {
            "parameters": [JOB, _parameter("name", "path", "clip.mp4, metadata.json, or another of the job's results")],
            "get": _operation("result", "One file of a finished job", {"200": FILE, **OTHERWISE}),
        },
    }
    for path in paths.values():
        for operation in (value for key, value in path.items() if key != "parameters"):
            operation["responses"] |= errors
    return {
        "openapi": "3.1.0",
        "info": {"title": "RealCam", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": responses}


def _submit(submitted: dict[str, Any], job: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The operation that makes a job: a shot file, or a photo as JSON or as a form."""
    content = {
        SHOT_TYPE: {"schema": BINARY},
        JSON_TYPE: {"schema": job},
        FORM_TYPE: {"schema": _form(settings), "encoding": SETTINGS_ARE_JSON},
    }
    return {
        **_operation("submit", "Send a shot: it becomes a job", {"202": _json("The job", submitted)}),
        "parameters": [
            _parameter("title", "query", "The job's name for people", {"maxLength": 200}),
            _parameter("job_id", "query", "A new id; sending again with the same makes no second job", JOB_ID),
        ],
        "requestBody": {"required": True, "content": content},
    }


def _form(settings: dict[str, Any]) -> dict[str, Any]:
    files = dict.fromkeys(FILES, BINARY)
    return {"type": "object", "required": ["photo"], "properties": {**files, "settings": settings}}


def _json(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str, words: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        **{"name": name, "in": place, "required": place == "path", "description": words},
        "schema": {"type": "string", **(schema or {})},
    }


BINARY = {"type": "string", "format": "binary"}
SETTINGS_ARE_JSON = {"settings": {"contentType": "application/json"}}
JOB_ID = {"pattern": "^[0-9a-z][0-9a-z-]{7,63}$"}
JOB = _parameter("job_id", "path", "The job's id", JOB_ID)
LAST_EVENT = _parameter(
    "Last-Event-ID", "header", "Number of the last state event you have", {"pattern": "^[0-9]{1,9}$"}
)
PREVIEWS = _parameter("previews", "query", "Send pictures of the clip too", {"enum": ["true", "false"]})
EVENTS = {
    "description": "Events `state` (numbered), `progress`, `preview` (with a JPEG in base64, where asked for) and"
    " `problem`, until the job has ended",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
FILE = {"description": "The file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
OTHERWISE = {
    "206": {**FILE, "description": "The part of it that `Range` names"},
    "304": {"description": "`If-None-Match` names the file as it is"},
    "416": {"description": "`Range` names nothing of it"},
}
ERRORS = {
    400: "The request cannot be read",
    401: "No token, or one that the server does not know",
    404: "You have no such job, or it has no such file",
    409: "The job is not done, or another one has this id",
    408: "The body comes too slowly",
    413: "The body is over the gateway's limit",
    422: "The shot cannot be used",
    429: "You have too many jobs that have not ended",
    502: "The server failed",
    503: "The server is away",
    507: "The server's disk is full",
}
"""What each status of an error means."""
