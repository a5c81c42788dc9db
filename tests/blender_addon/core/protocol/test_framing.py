"""Frames: what goes in comes out, and no bytes do harm."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import WireError
from blender_addon.core.protocol.framing import (
    PREAMBLE,
    BufferSpec,
    ProtocolMismatchError,
    decode_client_message,
    decode_server_message,
    encode,
)
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Cancel,
    FileChunk,
    Hello,
    JobState,
    Limits,
    Progress,
    ReadChunk,
    StateEvent,
    Submit,
    UploadChunk,
)
from server.demo.motorcycle import Motorcycle
from tests.support.properties import examples

LIMITS = Limits()
JOB = "0123456789abcdef"


def test_a_message_with_real_pixels_comes_back(bike: Motorcycle) -> None:
    sent = UploadChunk(session="s", job_id=JOB, offset=7)
    frames = [bytes(frame) for frame in encode(sent, [bike.photo, bike.depth])]
    received = decode_client_message(frames, LIMITS)
    assert received.message == sent
    np.testing.assert_array_equal(received.buffers[0], bike.photo)
    np.testing.assert_array_equal(received.buffers[1], bike.depth)


def test_a_view_that_is_not_contiguous_is_sent_as_it_looks(bike: Motorcycle) -> None:
    mirrored = bike.photo[::2, ::-3]
    frames = encode(FileChunk(job_id=JOB, name="clip.mp4", offset=0), [mirrored])
    np.testing.assert_array_equal(decode_server_message(frames, LIMITS).buffers[0], mirrored)


job_ids = st.from_regex(r"\A[0-9a-z][0-9a-z-]{7,63}\Z")
messages = st.one_of(
    st.builds(Cancel, job_id=job_ids),
    st.builds(
        Hello, protocol=st.just(PROTOCOL_VERSION), client_id=st.text(max_size=200), software=st.text(max_size=200)
    ),
    st.builds(
        Submit,
        job_id=job_ids,
        digest=st.from_regex(r"\A[0-9a-f]{64}\Z"),
        nbytes=st.integers(0, 2**48),
        engine=st.from_regex(r"\A[a-z0-9][a-z0-9_.-]{0,63}\Z"),
        title=st.text(max_size=200),
    ),
)


@given(messages)
def test_every_client_message_comes_back(message: Cancel | Hello | Submit) -> None:
    assert decode_client_message(encode(message), LIMITS).message == message


@given(st.builds(StateEvent, job_id=job_ids, sequence=st.integers(0, 2**40), state=st.sampled_from(JobState),
                 attempt=st.integers(0, 30), at=st.floats(0, 1e10), reason=st.text()))  # fmt: skip
def test_every_event_comes_back(event: StateEvent) -> None:
    assert decode_server_message(encode(event), LIMITS).message == event


@examples(400)
@given(st.lists(st.binary(max_size=300), max_size=12))
def test_random_frames_raise_only_wire_errors(frames: list[bytes]) -> None:
    for decode in (decode_client_message, decode_server_message):
        with pytest.raises(WireError):
            decode(frames, LIMITS)


@examples(600)
@given(st.data())
def test_a_damaged_message_is_refused_or_still_a_message(data: st.DataObject) -> None:
    good = [bytes(frame) for frame in encode(UploadChunk(session="s", job_id=JOB, offset=7), [np.arange(12.0)])]
    which = data.draw(st.integers(0, 2))
    frame = bytearray(good[which])
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    good[which] = bytes(frame)
    try:
        received = decode_client_message(good, LIMITS)
    except WireError:
        return
    assert sum(buffer.nbytes for buffer in received.buffers) == 96


@examples(300)
@given(st.binary(max_size=200))
def test_any_header_raises_only_wire_errors(header: bytes) -> None:
    try:
        received = decode_client_message([PREAMBLE, header], LIMITS)
    except WireError:
        return
    assert received.buffers == ()


def test_a_nested_bomb_is_refused() -> None:
    with pytest.raises(WireError):
        decode_client_message([PREAMBLE, b"\x91" * 60_000], LIMITS)


def test_a_map_that_announces_four_billion_entries_is_refused() -> None:
    with pytest.raises(WireError):
        decode_client_message([PREAMBLE, b"\xdf\xff\xff\xff\xff"], LIMITS)


def test_limits_are_checked_before_the_header_is_read() -> None:
    with pytest.raises(WireError, match="header is too large"):
        decode_client_message([PREAMBLE, b"\0" * 10_000_000], LIMITS)
    with pytest.raises(WireError, match="number of frames"):
        decode_client_message([PREAMBLE] * 200_001, LIMITS)


@given(
    st.sampled_from(["uint8", "uint16", "float32", "float64"]),
    st.lists(st.integers(0, 2**40), max_size=4),
    st.integers(0, 2**40),
)
def test_a_buffer_that_lies_about_its_length_is_refused(dtype: str, shape: list[int], nbytes: int) -> None:
    frame = b"\0" * 64
    spec = msgspec.convert((dtype, tuple(shape), nbytes), BufferSpec)
    honest = math.prod(shape) * np.dtype(dtype).itemsize == nbytes == 64
    if honest:
        assert spec.view(frame).nbytes == 64
    else:
        with pytest.raises(WireError):
            spec.view(frame)


@pytest.mark.parametrize("dtype", ["object", "complex128", "int64", "V8", "<U4"])
def test_other_dtypes_never_cross(dtype: str) -> None:
    header = msgspec.msgpack.encode(
        ({"type": "upload-chunk", "session": "s", "job_id": JOB, "offset": 0}, ((dtype, (1,), 8),))
    )
    with pytest.raises(WireError):
        decode_client_message([PREAMBLE, header, b"\0" * 8], LIMITS)
    with pytest.raises(WireError):
        encode(UploadChunk(session="s", job_id=JOB, offset=0), [np.zeros(1, dtype=dtype)])


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a.png", "frames/../../a.png", "frames//a.png", "a.exe", "frames/a.png\n", "C:\\a.png", ""],
)
def test_a_name_that_is_no_result_is_refused(name: str) -> None:
    frames = encode(ReadChunk(session="s", job_id=JOB, name=name, offset=0, nbytes=1))
    with pytest.raises(WireError):
        decode_client_message(frames, LIMITS)


@pytest.mark.parametrize("job_id", ["", "short", "UPPERCASE1", "../../../x", "a" * 65, "abcdefgh\n", "ab/cdefgh"])
def test_a_job_id_that_could_name_another_file_is_refused(job_id: str) -> None:
    with pytest.raises(WireError):
        decode_client_message(encode(Cancel(job_id=job_id)), LIMITS)


def test_the_error_names_the_side_to_update() -> None:
    header = encode(Cancel(job_id=JOB))[1]
    with pytest.raises(ProtocolMismatchError, match="Update this side") as later:
        decode_client_message([b"RCAM\x63\x00", header], LIMITS)
    assert later.value.theirs == (99, 0)
    with pytest.raises(ProtocolMismatchError, match="Update the other side"):
        decode_client_message([b"RCAM\x00\x09", header], LIMITS)


def test_a_later_minor_version_is_understood() -> None:
    preamble = bytes([*PREAMBLE[:5], PREAMBLE[5] + 1])
    message = Progress(job_id=JOB, attempt=1, step=1, steps=2, stage="x")
    assert decode_server_message([preamble, encode(message)[1]], LIMITS).message == message
