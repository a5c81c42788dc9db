"""A shot over HTTP: submitted, followed, fetched and cancelled, by the token that it belongs to alone."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import threading
import uuid
from pathlib import Path

import pytest
from PIL import Image

from server.demo.motorcycle import Motorcycle
from tests.support.network.gateways import BODY_LIMIT, RunningGateway
from tests.support.servers import PATIENCE
from tests.support.shots import small_payload


@pytest.fixture(scope="module")
def token(gateway: RunningGateway) -> str:
    return gateway.token("studio")


def events_of(stream: bytes) -> list[dict[str, str]]:
    blocks = [block for block in stream.decode().split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def test_a_shot_becomes_a_clip_that_its_own_token_alone_can_fetch(
    gateway: RunningGateway, token: str, bike: Motorcycle
) -> None:
    job = uuid.uuid4().hex
    path, shot = f"/v1/jobs?job_id={job}&title=A%20title", small_payload(bike)
    status, content, headers = gateway.ask("POST", path, token, shot)
    assert (status, headers["location"]) == (202, f"/v1/jobs/{job}"), content
    assert gateway.said("POST", path, token, shot)[0] == 202
    status, stream, headers = gateway.ask("GET", f"/v1/jobs/{job}/events", token)
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    states = [event for event in events_of(stream) if event["event"] == "state"]
    assert json.loads(states[-1]["data"])["state"] == "done"
    assert [int(event["id"]) for event in states] == list(range(1, len(states) + 1))
    # Who comes back gets what followed alone.
    again = gateway.ask("GET", f"/v1/jobs/{job}/events", token, Last_Event_ID=states[-2]["id"])[1]
    assert [event["id"] for event in events_of(again) if "id" in event] == [states[-1]["id"]]

    known = gateway.said("GET", f"/v1/jobs/{job}", token)[1]
    assert (known["state"], known["title"]) == ("done", "A title")
    files = {file["name"]: file["sha256"] for file in known["results"]}
    for name in ("clip.mp4", "metadata.json"):
        status, content, headers = gateway.ask("GET", f"/v1/jobs/{job}/files/{name}", token)
        assert (status, hashlib.sha256(content).hexdigest()) == (200, files[name])
    file = f"/v1/jobs/{job}/files/clip.mp4"
    status, content, headers = gateway.ask("HEAD", file, token)
    assert (status, content, headers["content-length"]) == (200, b"", str(len(gateway.ask("GET", file, token)[1])))
    assert gateway.ask("GET", file, token, If_None_Match=headers["etag"])[:2] == (304, b"")
    assert gateway.ask("GET", file, token, Range="bytes=4-7", If_Range=headers["etag"])[:2] == (206, b"ftyp")
    status, problem = gateway.said("GET", f"/v1/jobs/{job}/files/..%2Fjobs.sqlite3", token)
    assert (status, problem["what"]) == (404, "The job has no such file")

    other = gateway.token("another")
    assert [known["job_id"] for known in gateway.said("GET", "/v1/jobs", token)[1]] == [job]
    assert gateway.said("GET", "/v1/jobs", other) == (200, [])
    for method, tail in (("GET", ""), ("GET", "/events"), ("GET", "/files/clip.mp4"), ("DELETE", "")):
        status, problem = gateway.said(method, f"/v1/jobs/{job}{tail}", other)
        assert (status, problem["what"], problem["code"]) == (404, "You have no such job", "no-such-job")
    gateway.revoke("another")
    assert gateway.said("GET", "/v1/jobs", other)[0] == 401


def test_a_job_is_cancelled(gateway: RunningGateway, token: str, bike: Motorcycle) -> None:
    job = gateway.said("POST", "/v1/jobs", token, small_payload(bike, pause=0.4, frames=8))[1]["job"]["job_id"]
    status, problem = gateway.said("GET", f"/v1/jobs/{job}/files/clip.mp4", token)
    assert (status, problem["what"]) == (409, "This job has no result")
    status, _ = gateway.said("DELETE", f"/v1/jobs/{job}", token)
    assert status in (200, 202)
    last = events_of(gateway.ask("GET", f"/v1/jobs/{job}/events", token)[1])[-1]
    assert json.loads(last["data"])["state"] == "cancelled"
    assert gateway.said("DELETE", f"/v1/jobs/{job}", token)[0] == 200


def test_a_reader_of_events_that_leaves_ends_its_connection_to_the_server(
    gateway: RunningGateway, token: str, bike: Motorcycle, tmp_path: Path
) -> None:
    until = tmp_path / "go on"
    shot = small_payload(bike, until=str(until))
    job = gateway.said("POST", "/v1/jobs", token, shot)[1]["job"]["job_id"]
    reader = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    reader.request("GET", f"/v1/jobs/{job}/events", headers={"Authorization": f"Bearer {token}"})
    response = reader.getresponse()
    assert response.read(4) in (b"id: ", b"even")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == f"events {job[:12]}")
    response.close()
    reader.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert gateway.said("GET", f"/v1/jobs/{job}", token)[1]["state"] in ("queued", "running")
    until.touch()
    gateway.ask("GET", f"/v1/jobs/{job}/events", token)


def test_previews_come_where_they_are_asked_for(
    gateway: RunningGateway, token: str, bike: Motorcycle, tmp_path: Path
) -> None:
    # The second job waits for the first, so that it is followed from its beginning.
    first, second = (
        gateway.said("POST", "/v1/jobs", token, small_payload(bike, until=str(tmp_path / name)))[1]["job"]["job_id"]
        for name in ("first", "second")
    )
    reader = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    reader.request("GET", f"/v1/jobs/{second}/events?previews=true", headers={"Authorization": f"Bearer {token}"})
    stream = iter(reader.getresponse().readline, b"")
    assert next(stream).startswith((b"event", b"id"))
    (tmp_path / "first").touch()
    assert any(line == b"event: preview\n" for line in stream)
    sent = json.loads(next(stream).removeprefix(b"data: "))
    assert Image.open(io.BytesIO(base64.b64decode(sent["jpeg"]))).size == (64, 40)
    assert (sent["job_id"], sent["attempt"]) == (second, 1)
    (tmp_path / "second").touch()
    assert b"event: state\n" in stream
    reader.close()
    assert b"event: preview" not in gateway.ask("GET", f"/v1/jobs/{second}/events", token)[1]
    gateway.ask("GET", f"/v1/jobs/{first}/events", token)
    assert gateway.said("GET", f"/v1/jobs/{first}/events?previews=maybe", token)[0] == 400


@pytest.mark.parametrize(
    ("authorization", "words"),
    [
        ("", "no token"),
        ("Basic dXNlcjpwYXNz", "no token"),
        ("Bearer secret", "not a token"),
        ("Bearer realcam_" + "A" * 20, "not a token"),
        ("Bearer realcam_" + "A" * 43, "does not know this token"),
    ],
)
def test_without_a_token_the_gateway_says_nothing_of_jobs(
    gateway: RunningGateway, authorization: str, words: str
) -> None:
    for method, path in (("GET", "/v1/jobs"), ("GET", "/v1/engines"), ("POST", "/v1/jobs")):
        # The body is not waited for: who has no token cannot have the gateway read 2 MB.
        headers = {"Authorization": authorization} if authorization else {}
        status, content, answered = gateway.ask(method, path, body=b"x" if method == "POST" else None, **headers)
        problem = json.loads(content)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
        assert words in problem["what"]
        assert "realcam keys token" in problem["remedy"]


def test_a_body_that_is_too_large_or_no_shot_is_refused_in_words(
    gateway: RunningGateway, token: str, bike: Motorcycle
) -> None:
    status, problem = gateway.said("POST", "/v1/jobs", token, bytes(BODY_LIMIT + 1))
    assert (status, problem["code"]) == (413, "too-large")
    assert "2 MB" in problem["why"]
    # A body whose length is not said beforehand is read as far as the limit.
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    chunks = (bytes(100_000) for _ in range(BODY_LIMIT // 100_000 + 1))
    connection.request("POST", "/v1/jobs", chunks, {"Authorization": f"Bearer {token}"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert gateway.said("POST", "/v1/jobs", token, b"no shot")[0] == 422
    status, problem = gateway.said("POST", "/v1/jobs", token, small_payload(bike, engine="nosuch"))
    assert (status, problem["code"]) == (422, "no-such-engine")
    assert gateway.said("POST", "/v1/jobs?job_id=UPPER", token, b"")[0] == 400
    assert gateway.said("GET", "/nothing")[0] == 404
    assert gateway.said("PUT", "/v1/jobs", token)[0] == 405
