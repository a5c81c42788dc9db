"""What clients and servers of an earlier version said is understood today, and what is said today they understand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import zmq

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.payloads.check_request import CheckRequest, CheckResult, decode_check_result
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.core.payloads.depth_request import DepthRequest, decode_depth_result
from blender_addon.core.payloads.headless_plan import HeadlessPlan
from blender_addon.core.payloads.import_request import ImportSettings
from blender_addon.core.payloads.payload import decode_payload, encode_payload
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.protocol.framing import Frame, Received, decode_client_message, decode_server_message, encode
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    ClientMessage,
    FileChunk,
    JobState,
    JobStatus,
    Limits,
    Progress,
    ServerMessage,
    StateEvent,
    UploadReceived,
    Welcome,
)
from blender_addon.generation import job_records
from blender_addon.timeline.take import Take
from blender_addon.timeline.take_folders import found_takes
from server.evaluation.records import EvaluationReport
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.compatibility.kept import MESSAGES, PAYLOADS, STORE, job_as_now
from tests.support.network.raw_socket import raw_socket
from tests.support.servers import RunningServer

RECORDED: dict[str, list[dict[str, Any]]] = json.loads((MESSAGES / "messages.json").read_text())
CONVERSATION: list[dict[str, Any]] = json.loads((MESSAGES / "conversation.json").read_text())["said"]
RENAMED = {"Facts": "ServerStats", "GetFacts": "GetServerStats"}
"""Messages whose class has another name now; on the wire they are told by their tags."""
DECODERS = {"client": decode_client_message, "server": decode_server_message}
SAID = [
    pytest.param(side, said, id=f"{i}-{said['name']}") for side in RECORDED for i, said in enumerate(RECORDED[side])
]
START_OF_PNG, START_OF_MP4 = b"\x89PNG\r\n\x1a\n", b"ftyp"


def frames_of(said: dict[str, Any]) -> list[Frame]:
    return [base64.b64decode(frame) for frame in said["frames"]]


def as_json(value: Any) -> Any:
    """What JSON makes of it."""
    return json.loads(msgspec.json.encode(value))


# --- message by message ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "said"), SAID)
def test_an_old_message_is_read(side: str, said: dict[str, Any]) -> None:
    received = DECODERS[side](frames_of(said), Limits())
    assert type(received.message).__name__ == RENAMED.get(said["name"], said["name"])
    assert received.request_id == said["question"]
    fields = as_json(received.message)
    assert {name: fields[name] for name in said["fields"]} == said["fields"]
    assert [array.tolist() for array in received.buffers] == said["buffers"]


@pytest.mark.parametrize(("side", "said"), SAID)
def test_the_same_message_is_still_written(side: str, said: dict[str, Any]) -> None:
    """The other side forbids fields that it does not know: one that is added needs another major version.

    Byte for byte, but for the header: of a struct with more than 15 fields msgspec writes the number of those in it
    with three bytes, however many are set.
    """
    received = DECODERS[side](frames_of(said), Limits())
    written = [bytes(frame) for frame in encode(received.message, received.buffers, received.request_id)]
    old = frames_of(said)
    assert [written[0], *written[2:]] == [old[0], *old[2:]]
    assert repr(msgspec.msgpack.decode(written[1])) == repr(msgspec.msgpack.decode(old[1])), "in this order too"


@pytest.mark.parametrize(("side", "union"), [("client", ClientMessage), ("server", ServerMessage)])
def test_every_message_was_recorded(side: str, union: Any) -> None:
    """A new message is another thing to record: of the version that has it first."""
    assert {kind.__name__ for kind in get_args(union)} == {
        RENAMED.get(said["name"], said["name"]) for said in RECORDED[side]
    }


def test_the_recorded_version_is_this_one() -> None:
    """Another major version may leave these recordings behind, and says so to the old side."""
    assert PROTOCOL_VERSION[0] == RECORDED["client"][0]["fields"]["protocol"][0]


# --- a whole job ----------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", tmp_path / "config", ("--engines", ENGINES)).start()
    yield running
    running.stop()


def answered(dealer: zmq.Socket[bytes], said: dict[str, Any], frames: list[Frame]) -> Received[ServerMessage]:
    """What the server answers to these frames; the last state of a job that is followed."""
    dealer.send_multipart(frames)
    while dealer.poll(60_000):
        received = decode_server_message(dealer.recv_multipart(), Limits())
        message = received.message
        if isinstance(message, StateEvent | Progress):
            if said["answer"] == "StateEvent" and isinstance(message, StateEvent) and message.state.final:
                return received
        else:
            answer = RENAMED.get(said["answer"], said["answer"])
            assert (type(message).__name__, received.request_id) == (answer, said["question"]), message
            return received
    raise TimeoutError


def test_an_old_client_has_its_clip_made(server: RunningServer) -> None:
    """Its bytes as they were, but for the session's token, which the server chose."""
    answers: list[Received[ServerMessage]] = []
    old, new = CONVERSATION[0]["session"].encode(), b""
    with raw_socket(server, "control") as control, raw_socket(server, "data") as data:
        for said in CONVERSATION:
            sockets = {"control": control, "data": data}
            frames: list[Frame] = [bytes(frame).replace(old, new or old) for frame in frames_of(said)]
            answers.append(answered(sockets[said["channel"]], said, frames))
            if isinstance(welcome := answers[0].message, Welcome):
                new = welcome.session.encode()
    assert len(new) == len(old)
    told = [received.message for received in answers]
    names = [said["name"] for said in CONVERSATION]
    submitted, uploaded, followed = (told[names.index(name)] for name in ("Submit", "UploadChunk", "Follow"))
    assert isinstance(submitted, JobStatus)
    assert (submitted.state, submitted.title) == (JobState.UPLOADING, "recorded")
    assert isinstance(uploaded, UploadReceived)
    assert uploaded.state is not JobState.UPLOADING
    assert isinstance(followed, StateEvent)
    assert followed.state is JobState.DONE, followed.reason
    last, first = told[-1], told[names.index("GetStatus", names.index("Follow"))]
    assert isinstance(first, JobStatus)
    assert [file.name for file in first.results] == [
        "clip.mp4",
        *(f"frames/{i:04d}.png" for i in range(4)),
        "metadata.json",
    ]
    chunks = [received for received in answers if isinstance(received.message, FileChunk)]
    assert [len(chunk.buffers[0]) for chunk in chunks] == [33, 8]
    assert chunks[0].buffers[0].tobytes().startswith(START_OF_PNG)
    assert chunks[1].buffers[0].tobytes().endswith(START_OF_MP4)
    assert isinstance(last, JobStatus)
    assert last.state is JobState.UNKNOWN, "its last request was to forget it"


# --- payloads and results -------------------------------------------------------------------------------------------


def expected(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(PAYLOADS / f"{name}.expected.npz", allow_pickle=False) as arrays:
        return dict(arrays), json.loads((PAYLOADS / f"{name}.expected.json").read_text())


def check_arrays(found: Any, arrays: dict[str, np.ndarray]) -> None:
    """Attributes of these names hold these arrays, of the same kind."""
    for name, array in arrays.items():
        value = getattr(found, name)
        assert (value.dtype, value.shape) == (array.dtype, array.shape), name
        assert np.array_equal(value, array, equal_nan=array.dtype.kind == "f"), name


@pytest.mark.parametrize("name", ["shot", "shot_with_last_image"])
def test_an_old_shot_is_read(name: str) -> None:
    arrays, words = expected(name)
    shot = decode_payload((PAYLOADS / f"{name}.blob").read_bytes(), Limits())
    assert isinstance(shot, Shot)
    t = shot.trajectory
    assert np.array_equal(t.camera_to_world, arrays.pop("camera_to_world"))
    assert np.array_equal(t.intrinsics, arrays.pop("intrinsics"))
    check_arrays(shot, arrays)
    assert (shot.last_image is None) == ("last_image" not in arrays)
    assert [t.width, t.height, t.fps] == [*words["size"], words["fps"]]
    assert as_json(shot.settings) == words["settings"]
    assert shot.depth_edge == words["depth_edge"]


def test_an_old_request_for_depth_is_read() -> None:
    arrays, words = expected("depth_request")
    request = decode_payload((PAYLOADS / "depth_request.blob").read_bytes(), Limits())
    assert isinstance(request, DepthRequest)
    check_arrays(request, arrays)
    assert as_json(request.settings) == words["settings"]
    assert (request.typed_mm, request.exif_mm) == (words["typed_mm"], words["exif_mm"])


def test_an_old_request_for_a_camera_check_is_read() -> None:
    arrays, words = expected("check_request")
    request = decode_payload((PAYLOADS / "check_request.blob").read_bytes(), Limits())
    assert isinstance(request, CheckRequest)
    t = request.trajectory
    assert np.array_equal(t.camera_to_world, arrays.pop("camera_to_world"))
    assert np.array_equal(t.intrinsics, arrays.pop("intrinsics"))
    check_arrays(request, arrays)
    assert [t.width, t.height, t.fps] == [*words["size"], words["fps"]]
    assert as_json(request.settings) == words["settings"]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.blob")), ids=lambda path: path.stem)
def test_a_payload_is_still_written_byte_for_byte(path: Path) -> None:
    """An old server must read it, and a job's digest is that of its bytes."""
    assert encode_payload(decode_payload(path.read_bytes(), Limits())) == path.read_bytes()


@pytest.mark.parametrize("path", sorted(STORE.rglob("*.shot")), ids=lambda path: path.stem)
def test_payloads_of_the_store_are_read(path: Path) -> None:
    assert isinstance(decode_payload(path.read_bytes(), Limits()), Shot)


def test_an_old_depth_is_read() -> None:
    arrays, words = expected("depth_result")
    arrays["cleaning_flags"] = arrays.pop("touched")
    result = decode_depth_result((PAYLOADS / "depth_result.npz").read_bytes())
    check_arrays(result, arrays)
    assert {name: getattr(result, name) for name in words} == words


def test_an_old_camera_check_is_read() -> None:
    data = (PAYLOADS / "check_result.json").read_bytes()
    result = decode_check_result(data)
    assert isinstance(result, CheckResult)
    assert as_json(result) == json.loads(data)
    assert result.poses[:, 0, 3].tolist() == [0.0, 0.04]


# --- files that are read back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["clip", "depth", "check"])
def test_the_old_record_of_a_job_is_read(kind: str) -> None:
    data = (PAYLOADS / f"job_of_{kind}.json").read_bytes()
    record = job_records.decode(data)
    assert record is not None
    told = json.loads(data)
    if kind == "depth":
        # A typed focal length goes before the photo's EXIF by now, without being preferred.
        told["photo"].pop("prefer_focal_mm")
        calibration = intrinsics_matrix(*told["photo"]["calibration"]).tolist()
        told["photo"] = {**as_json(ImportSettings()), **told["photo"], "intrinsics": calibration}
    assert as_json(record) == job_as_now(told)
    assert record.task.result == {"clip": "clip", "depth": "depth", "check": "camera check"}[kind]


def known_then(read: Any, then: Any) -> Any:
    """What was read, without the fields that files of then did not have."""
    if isinstance(then, dict):
        return {name: known_then(read[name], value) for name, value in then.items() if name in read}
    if isinstance(then, list) and len(read) == len(then):
        return [known_then(*pair) for pair in zip(read, then, strict=True)]
    return read


@pytest.mark.parametrize(
    ("name", "kind"),
    [("metadata", ClipSidecar), ("take", Take), ("evaluation", EvaluationReport)],
)
def test_an_old_file_is_read_whole(name: str, kind: type[msgspec.Struct]) -> None:
    data = (PAYLOADS / f"{name}.json").read_bytes()
    assert known_then(as_json(msgspec.json.decode(data, type=kind)), json.loads(data)) == json.loads(data)


def test_an_old_plan_is_read_whole() -> None:
    """It says nothing of settings that plans have had since."""
    data = (PAYLOADS / "plan.json").read_bytes()
    expected = {**as_json(ImportSettings()), "depth_format": None, **json.loads(data)}
    assert as_json(msgspec.json.decode(data, type=HeadlessPlan)) == expected


def test_a_folder_with_an_old_take_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "realcam" / "Straße" / "take_002"
    folder.mkdir(parents=True)
    (folder / "take.json").write_bytes((PAYLOADS / "take.json").read_bytes())
    (take,) = found_takes(tmp_path, frame_start=1, artist_size=(1, 1))
    assert (take.label, take.frames, take.frame_start, take.frame_end) == ("Straße, take 2", 2, -3, 48)
    assert take.folder == "//realcam/Straße/take_002"
    assert take.photo is not None
    assert take.photo.scale == 1.25


def test_a_folder_with_old_metadata_alone_is_found(tmp_path: Path) -> None:
    """A clip that was fetched by hand."""
    folder = tmp_path / "realcam" / "by hand" / "take_003"
    (folder / "frames").mkdir(parents=True)
    for index in range(2):
        (folder / "frames" / f"{index:04d}.png").touch()
    (folder / "metadata.json").write_bytes((PAYLOADS / "metadata.json").read_bytes())
    (take,) = found_takes(tmp_path, frame_start=5, artist_size=(640, 400))
    assert (take.number, take.frames, take.draft, take.settings.seed) == (3, 2, True, 2**31 - 1)
