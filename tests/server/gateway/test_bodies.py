"""Bodies of requests: within a limit, in a file where they are large, and not for ever."""

from __future__ import annotations

import asyncio
import io
import mmap
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.requests import Request

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import PROTOCOL_VERSION, Limits, Welcome
from server.demo.motorcycle import Motorcycle
from server.gateway import bodies
from server.gateway.answers import status_of, without_places
from server.gateway.bodies import read_body, received_form
from server.gateway.sent_shots import JSON_LIMIT, received_shot
from tests.support.folders import small_file_system

FORM = "multipart/form-data; boundary=B"
NO_MORE = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}
WELCOME = Welcome(protocol=PROTOCOL_VERSION, software="", boot_id="", session="", limits=Limits(), engines=())


def request(chunks: Iterable[bytes], then: dict[str, Any] | None = NO_MORE, **headers: str) -> Request:
    """A request whose body comes in chunks; `then` None: and then nothing more."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting = iter([*messages, *([] if then is None else [then])])

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        return message if message is not None else await asyncio.Event().wait() or NO_MORE

    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": sent}, receive)


def status_in(action: Callable[[], Awaitable[Any]]) -> int:
    async def whole() -> Any:
        return await action()

    with pytest.raises(ServiceError) as caught:
        asyncio.run(whole())
    return int(status_of(caught.value))


def test_a_large_body_lies_in_a_file_a_small_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IN_MEMORY", 1000)
    chunks = [bytes([number]) * 600 for number in range(3)]
    small, large = (asyncio.run(read_body(request(sent), 2000)) for sent in (chunks[:1], chunks))
    assert small == chunks[0]
    assert isinstance(large, memoryview)
    assert isinstance(large.obj, mmap.mmap)
    assert bytes(large) == b"".join(chunks)
    made = asyncio.run(bodies.kept(bytes(large)))
    assert isinstance(made, memoryview)
    assert made == large


def test_a_body_over_the_limit_is_read_no_further() -> None:
    assert status_in(lambda: read_body(request([], None, content_length="2001"), 2000)) == 413
    assert status_in(lambda: read_body(request([bytes(1500), bytes(600)], None), 2000)) == 413


def test_json_has_a_limit_of_its_own_and_a_form_has_not() -> None:
    for kind, status in (("application/json", 413), (FORM, 400)):
        sent = request([b""], content_type=kind, content_length=str(JSON_LIMIT + 1))
        assert status_in(lambda sent=sent: received_shot(sent, 256_000_000, WELCOME, asyncio.Lock())) == status


def test_a_body_that_drips_or_ends_early_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_in(lambda: read_body(request([b"x"], GONE), 2000)) == 400
    monkeypatch.setattr(bodies, "GRACE", 0.0)
    assert status_in(lambda: read_body(request([b"x"] * 3, None), 2000)) == 408


def test_a_part_of_a_form_has_a_small_head_and_its_file_no_name_here(tmp_path: Path) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="photo"; filename="../../etc/%s"\r\n\r\n'

    async def parts(name: bytes) -> list[tuple[str, str]]:
        async with received_form(request([head % name, b"content\r\n--B--\r\n"], content_type=FORM), 10**6) as form:
            form["photo"].write(tmp_path / "photo")
            return [(key, part.name) for key, part in form.items()]

    assert asyncio.run(parts(b"passwd")) == [("photo", "../../etc/passwd")]
    assert (tmp_path / "photo").read_bytes() == b"content"
    assert status_in(lambda: parts(b"x" * 100_000)) == 400


def test_a_disk_that_fills_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bike: Motorcycle) -> None:
    photo = io.BytesIO()
    Image.fromarray(bike.photo).save(photo, "png")
    head = b'--B\r\nContent-Disposition: form-data; name="photo"; filename="p.png"\r\n\r\n'
    form = [head, photo.getvalue() + b"\r\n", b'--B\r\nContent-Disposition: form-data; name="settings"\r\n\r\n']
    form.append(b'{"move": "still"}\r\n--B--\r\n')
    monkeypatch.setattr(bodies, "IN_MEMORY", 1000)
    with small_file_system(tmp_path / "small", 40) as folder:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        assert status_in(lambda: read_body(request([bytes(60_000), bytes(60_000)]), 200_000)) == 507
        # The form is held in memory; its photo has no room beside the camera.
        lock = asyncio.Lock
        assert status_in(lambda: received_shot(request(form, content_type=FORM), 10**7, WELCOME, lock())) == 507


def test_errors_name_files_without_their_folders(tmp_path: Path) -> None:
    home = Path.home() / "someone" / "depth.npy"
    said = without_places(f"'{tmp_path / 'photo.png'}' and {home}: cannot be read; see {Path(__file__)}, GET /v1/jobs")
    assert said == f"'photo.png' and depth.npy: cannot be read; see {Path(__file__).name}, GET /v1/jobs"
