"""A photo and a camera as data become a job, by JSON or by a form."""

from __future__ import annotations

import base64
import io
import json
import struct
import tempfile
import zipfile
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.errors import PhotoError, ServiceError
from blender_addon.core.protocol.messages import PROTOCOL_VERSION, Limits, Welcome
from server.demo.motorcycle import Motorcycle
from server.engines.draft.engine import DraftEngine
from server.gateway import photo_job
from server.gateway.bodies import Part
from server.gateway.photo_job import photo_shot, read_photo_job
from tests.support.network.gateways import RunningGateway

BOUNDARY = "----boundary-of-the-test"
DRAFT = msgspec.structs.replace(DraftEngine().capability, sizes=((64, 40),), frame_counts=(4,))
WELCOME = Welcome(protocol=PROTOCOL_VERSION, software="", boot_id="", session="", limits=Limits(), engines=(DRAFT,))


@pytest.fixture(scope="module")
def token(gateway: RunningGateway) -> str:
    return gateway.token("photos")


@pytest.fixture(scope="module")
def photo(bike: Motorcycle) -> bytes:
    file = io.BytesIO()
    Image.fromarray(bike.photo[180:260, 280:400]).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def depth(bike: Motorcycle) -> bytes:
    file = io.BytesIO()
    np.save(file, bike.depth[180:260, 280:400])
    return file.getvalue()


def settings(**changes: Any) -> dict[str, Any]:
    poses = np.repeat(np.eye(4)[None], 4, axis=0)
    poses[:, 0, 3] = [0.0, 0.01, 0.02, 0.03]
    lens = [[80.0, 0, 32.0], [0, 80.0, 20.0], [0, 0, 1]]
    camera = {"camera_to_world": poses.tolist(), "intrinsics": [lens], "width": 64, "height": 40, "fps": 8}
    asked = {"camera": camera, "engine": "copy", "intrinsics": [[150.0, 0, 60.0], [0, 150.0, 40.0], [0, 0, 1]]}
    return {key: value for key, value in (asked | changes).items() if value is not None}


def form(**parts: tuple[str, bytes]) -> bytes:
    lines = b""
    for name, (file, content) in parts.items():
        named = f'; filename="{file}"' if file else ""
        lines += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        lines += content + b"\r\n"
    return lines + f"--{BOUNDARY}--\r\n".encode()


def sent(gateway: RunningGateway, token: str, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
    answered: tuple[int, Any] = gateway.said("POST", "/v1/jobs", token, body, Content_Type=kind)
    return answered


def as_json(photo: bytes, depth: bytes, **changes: Any) -> bytes:
    files = {"photo": base64.b64encode(photo).decode(), "depth": base64.b64encode(depth).decode()}
    return json.dumps({**files, "depth_name": "../../depth.npy"} | settings(**changes)).encode()


def finished(gateway: RunningGateway, token: str, job: str) -> dict[str, Any]:
    gateway.ask("GET", f"/v1/jobs/{job}/events", token)
    assert gateway.said("GET", f"/v1/jobs/{job}", token)[1]["state"] == "done"
    answered: dict[str, Any] = gateway.said("GET", f"/v1/jobs/{job}/files/metadata.json", token)[1]
    return answered


def test_json_and_a_form_of_the_same_photo_and_camera_make_the_same_clip(
    gateway: RunningGateway, token: str, photo: bytes, depth: bytes
) -> None:
    status, by_json = sent(gateway, token, as_json(photo, depth))
    assert status == 202, by_json
    assert any("can see" in note for note in by_json["notes"])
    parts = {"photo": ("p.png", photo), "depth": ("d.npy", depth), "settings": ("", json.dumps(settings()).encode())}
    status, by_form = sent(gateway, token, form(**parts), f"multipart/form-data; boundary={BOUNDARY}")
    assert status == 202, by_form
    clips = []
    for submitted in (by_json, by_form):
        job = submitted["job"]["job_id"]
        made = finished(gateway, token, job)
        clips.append(gateway.ask("GET", f"/v1/jobs/{job}/files/clip.mp4", token)[1])
        assert "engine" in json.dumps(made)
    assert clips[0] == clips[1]


def test_a_camera_file_and_a_named_move_are_taken_too(
    gateway: RunningGateway, token: str, photo: bytes, depth: bytes
) -> None:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    files = {"photo": ("p.png", photo), "depth": ("d.npy", depth)}
    without = json.dumps(settings(camera=None)).encode()
    tum = b"0 0 0 0 0 0 0 1\n0.1 0.01 0 0 0 0 0 1\n0.2 0.02 0 0 0 0 0 1\n0.3 0.03 0 0 0 0 0 1\n"
    status, said = sent(gateway, token, form(**files, camera=("c.tum", tum), settings=("", without)), kind)
    assert status == 202, said
    moved = json.dumps(settings(camera=None, move="truck 0.02")).encode()
    status, said = sent(gateway, token, form(**files, settings=("", moved)), kind)
    assert status == 202, said
    assert any("moves as named" in note for note in said["notes"])


def test_what_the_engine_loses_of_the_shot_is_said(photo: bytes, depth: bytes) -> None:
    said = []
    for prompt in ("", "a street"):
        asked = read_photo_job(as_json(photo, depth, engine="draft", prompt=prompt))
        shot, notes = photo_shot(*asked, WELCOME)
        assert shot.settings.prompt == prompt
        said.append(set(notes))
    assert len(said[1] - said[0]) == 1


def unpacking(nbytes: int) -> bytes:
    """A small .npz whose one array has so many bytes."""
    packed, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(0, np.uint8))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", array.getvalue() + bytes(1000))
    # What the directory states is what would be unpacked.
    return packed.getvalue().replace((len(array.getvalue()) + 1000).to_bytes(4, "little"), nbytes.to_bytes(4, "little"))


def test_files_that_would_fill_the_memory_are_refused_before_they_are_read(
    gateway: RunningGateway, token: str, photo: bytes, depth: bytes
) -> None:
    wide = photo.replace(struct.pack(">2I", 120, 80), struct.pack(">2I", 20_000, 20_000))
    sent_bodies = [
        as_json(photo, unpacking(4_000_000_000), depth_name="d.npz"),
        as_json(photo, npy(b"(100000000, 1000000)"), depth_name="d.npy"),
        as_json(photo, wide),
        as_json(wide, depth),
    ]
    for body in sent_bodies:
        status, problem = sent(gateway, token, body)
        assert (status, problem["code"]) == (413, "too-large"), problem


def test_a_camera_file_of_a_million_poses_is_refused(
    photo: bytes, depth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_job, "LARGEST_CAMERA_FILE", 100)
    asked, files = read_photo_job(as_json(photo, depth, camera=None))
    with pytest.raises(ServiceError, match="the camera file has"):
        photo_shot(asked, {**files, "camera": Part(b"0 0 0 0 0 0 0 1\n" * 10, "c.tum")}, WELCOME)


def npy(shape: bytes) -> bytes:
    """The head of a .npy, whose header is a text of Python, and a little behind it."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + b"}"
    return b"\x93NUMPY\x01\x00v\x00" + head.ljust(117) + b"\n" + bytes(64)


@pytest.mark.parametrize("shape", [b"(99999999999999999999, 4)", b"((((", b"(-1, 5)", b"1 if", b"(4, 4), 'more': 1"])
def test_a_depth_whose_head_is_no_array_is_refused_in_words(photo: bytes, shape: bytes) -> None:
    asked = read_photo_job(as_json(photo, npy(shape), engine="draft", depth_name="d.npy"))
    with pytest.raises(PhotoError, match="not a NumPy array of numbers"):
        photo_shot(*asked, WELCOME)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"camera": None}, 400, "needs one camera"),
        ({"move": "orbit 20"}, 400, "needs one camera"),
        ({"nosuch": 1}, 400, "cannot be read"),
        ({"engine": "nosuch"}, 422, "nosuch"),
        ({"size": [7, 7]}, 422, ""),
        ({"options": {"nosuch": 1}}, 422, "has no option nosuch"),
        ({"camera": None, "move": "fly"}, 422, "no such camera move"),
        ({"depth_name": "depth.exe"}, 422, ""),
    ],
)
def test_what_cannot_be_used_is_said(
    gateway: RunningGateway, token: str, photo: bytes, depth: bytes, changes: dict[str, Any], status: int, words: str
) -> None:
    got, problem = sent(gateway, token, as_json(photo, depth, **changes))
    assert (got, words in json.dumps(problem)) == (status, True), problem
    assert tempfile.gettempdir() not in json.dumps(problem)


def test_a_photo_that_is_none_and_a_body_of_another_kind_are_refused(
    gateway: RunningGateway, token: str, depth: bytes
) -> None:
    status, problem = sent(gateway, token, as_json(b"no picture", depth))
    assert status == 422
    assert tempfile.gettempdir() not in json.dumps(problem)
    assert sent(gateway, token, b"<x/>", "text/xml")[0] == 400
    assert sent(gateway, token, b"{", "application/json")[0] == 400
    assert (
        sent(gateway, token, form(photo=("p", b""), photo2=("", b"")), f"multipart/form-data; boundary={BOUNDARY}")[0]
        == 400
    )
    assert sent(gateway, token, b"no form", f"multipart/form-data; boundary={BOUNDARY}")[0] == 400
    assert sent(gateway, token, b"no form", "multipart/form-data")[0] == 400
