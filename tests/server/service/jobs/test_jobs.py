"""Jobs through a real server process with a real worker."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.keys import client_keys
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from tests.support.servers import CRASHED, RunningServer, StartServer, new_id
from tests.support.shots import small_payload, small_shot


def _states(events: list[StateEvent | JobProgress]) -> list[str]:
    return [event.state.value for event in events if isinstance(event, StateEvent)]


def test_a_shot_becomes_files(shared_server: RunningServer, bike: Motorcycle, tmp_path: Path) -> None:
    shot = small_shot(bike)
    job_id, sent, got = new_id(), [], []
    with shared_server.client() as client:
        client.connect()
        status = client.submit(
            job_id, small_payload(bike), "copy", "A title", lambda told: sent.append((told.done, told.total))
        )
        assert status.state is not JobState.UPLOADING
        events = list(client.follow(job_id))
        paths = client.fetch(job_id, tmp_path, lambda told: got.append((told.done, told.total)))
        final = client.status(job_id)
    assert _states(events) == ["uploading", "queued", "running", "finalizing", "done"]
    assert [event.sequence for event in events if isinstance(event, StateEvent)] == [1, 2, 3, 4, 5]
    assert sent[-1] == (len(small_payload(bike)),) * 2
    assert got[-1][0] == got[-1][1] == sum(path.stat().st_size for path in paths)
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    assert names == ["clip.mp4", *(f"frames/{i:04d}.png" for i in range(4)), "metadata.json"]
    for index in range(4):
        frame = np.array(Image.open(tmp_path / f"frames/{index:04d}.png"))
        np.testing.assert_array_equal(frame, shot.preview[index, ..., :3])
    assert final.fetched_at > 0
    assert final.title == "A title"
    assert [file.sha256 for file in final.results] == [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths]


def test_the_mp4_looks_like_the_frames_and_says_what_made_it(
    shared_server: RunningServer, bike: Motorcycle, tmp_path: Path
) -> None:
    shot, job_id = small_shot(bike, seed=41), new_id()
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike, seed=41), "copy")
        list(client.follow(job_id))
        client.fetch(job_id, tmp_path)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert video.average_rate == 24
        made = json.loads(container.metadata["comment"])
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
    assert made == json.loads((tmp_path / "metadata.json").read_text())
    assert made["metadata"]["settings"]["seed"] == 41
    assert len(frames) == 4
    error = np.abs(np.stack(frames).astype(int) - shot.preview[..., :3].astype(int))
    assert np.median(error) <= 4


def test_progress_brings_a_picture(shared_server: RunningServer, bike: Motorcycle) -> None:
    job_id = new_id()
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike, pause=0.3), "copy")
        reports = [event for event in client.follow(job_id) if isinstance(event, JobProgress)]
    steps = [report.done for report in reports if report.stage == "copying"]
    assert steps == sorted(steps)
    assert steps[-1] <= 4
    assert any(report.jpeg[:3] == b"\xff\xd8\xff" for report in reports)


def test_the_same_again_is_the_same_job(shared_server: RunningServer, bike: Motorcycle) -> None:
    job_id, payload = new_id(), small_payload(bike)
    with shared_server.client() as client:
        client.submit(job_id, payload, "copy")
        list(client.follow(job_id))
        again = client.submit(job_id, payload, "copy")
        assert again.state is JobState.DONE
        assert again.attempt == 1
        assert len([job for job in client.jobs() if job.job_id == job_id]) == 1


def test_another_shot_under_the_same_id_is_refused(shared_server: RunningServer, bike: Motorcycle) -> None:
    job_id = new_id()
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        with pytest.raises(ServiceError, match="is another one") as refused:
            client.submit(job_id, small_payload(bike, seed=1), "copy")
        assert refused.value.code == "job-conflict"


def test_a_job_nobody_knows_is_unknown_and_never_done(shared_server: RunningServer, tmp_path: Path) -> None:
    job_id = new_id()
    with shared_server.client() as client:
        assert client.status(job_id).state is JobState.UNKNOWN
        assert _states(list(client.follow(job_id))) == ["unknown"]
        with pytest.raises(ServiceError, match="does not know this job"):
            client.cancel(job_id)
        with pytest.raises(ServiceError, match="no clip to fetch"):
            client.fetch(job_id, tmp_path)


def test_an_engine_the_server_does_not_have(shared_server: RunningServer, bike: Motorcycle) -> None:
    with shared_server.client() as client:
        with pytest.raises(ServiceError, match=r"no engine 'dream': it has copy, crash") as refused:
            client.submit(new_id(), small_payload(bike), "dream")
        assert refused.value.code == "no-such-engine"


def test_a_shot_that_is_none_is_refused_in_words(shared_server: RunningServer, bike: Motorcycle) -> None:
    with shared_server.client() as client:
        with pytest.raises(ServiceError, match="This is not a shot"):
            client.submit(new_id(), b"x" * 5000, "copy")
        with pytest.raises(ServiceError, match="the engine copy, the job for crash"):
            client.submit(new_id(), small_payload(bike, "copy"), "crash")


def test_cancel_takes_effect_within_a_step(shared_server: RunningServer, bike: Motorcycle, tmp_path: Path) -> None:
    job_id, go_on = new_id(), tmp_path / "go on"
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike, pause=1.0, frames=50, until=str(go_on)), "copy")
        last = 0
        events: list[StateEvent | JobProgress] = []
        for event in client.follow(job_id):
            events.append(event)
            if isinstance(event, JobProgress) and event.done == 2:
                client.cancel(job_id)
                go_on.touch()
            if isinstance(event, JobProgress):
                last = max(last, event.done)
        assert _states(events)[-1] == "cancelled"
        assert last <= 4
        with pytest.raises(ServiceError, match="it is cancelled"):
            client.fetch(job_id, tmp_path)
        assert client.cancel(job_id).state is JobState.CANCELLED


def test_cancel_of_a_waiting_job_is_at_once(shared_server: RunningServer, bike: Motorcycle) -> None:
    first, second = new_id(), new_id()
    with shared_server.client() as client:
        client.submit(first, small_payload(bike, pause=0.2, frames=50), "copy")
        assert client.submit(second, small_payload(bike), "copy").queue_place == 1
        assert client.cancel(second).state is JobState.CANCELLED
        client.cancel(first)
        assert _states(list(client.follow(first)))[-1] == "cancelled"


def test_an_engine_that_does_not_heed_a_cancel_is_ended(start_server: StartServer, bike: Motorcycle) -> None:
    server = start_server("--cancel-grace", "0.5")
    job_id, after = new_id(), new_id()
    with server.client() as client:
        client.submit(job_id, small_payload(bike, "hang"), "hang")
        for event in client.follow(job_id):
            if isinstance(event, JobProgress) and event.done == 1:
                client.cancel(job_id)
            last = event
        assert isinstance(last, StateEvent)
        assert last.state is JobState.CANCELLED
        client.submit(after, small_payload(bike), "copy")
        assert _states(list(client.follow(after)))[-1] == "done"


@pytest.mark.parametrize(
    ("engine", "attempts", "words"),
    [
        ("refuse", 1, "The shot is too dark: mean 3 of 255. Light it."),
        ("crash", 3, CRASHED),
        ("bug", 3, "KeyError: 'what every engine has sometimes'"),
        ("memory", 3, "out of memory"),
        ("threadless", 3, "out of memory"),
    ],
)
def test_engines_that_fail(
    shared_server: RunningServer, bike: Motorcycle, engine: str, attempts: int, words: str
) -> None:
    job_id, after = new_id(), new_id()
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike, engine), engine)
        events = list(client.follow(job_id))
        last = events[-1]
        assert isinstance(last, StateEvent)
        assert (last.state, last.attempt) == (JobState.FAILED, attempts)
        assert words in last.reason
        client.submit(after, small_payload(bike), "copy")
        assert _states(list(client.follow(after)))[-1] == "done"


def test_an_engine_that_hangs_is_ended_and_says_so(start_server: StartServer, bike: Motorcycle) -> None:
    server = start_server("--step-timeout", "0.5")
    job_id = new_id()
    with server.client() as client:
        client.submit(job_id, small_payload(bike, "hang"), "hang")
        events = [event for event in client.follow(job_id) if isinstance(event, StateEvent)]
    assert _states(list(events)) == ["uploading", *("queued", "running") * 3, "failed"]
    assert "hung" in events[-1].reason


def test_two_clients_take_turns_and_do_not_see_each_other(
    shared_server: RunningServer, bike: Motorcycle, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    payload = small_payload(bike, until=str(go_on))
    annas, bobs = [new_id() for _ in range(4)], [new_id() for _ in range(2)]
    with shared_server.client() as anna, shared_server.other_client("bob") as bob:
        for job_id in annas:
            anna.submit(job_id, payload, "copy")
        for job_id in bobs:
            bob.submit(job_id, payload, "copy")
        go_on.touch()
        assert bob.status(annas[0]).state is JobState.UNKNOWN
        with pytest.raises(ServiceError, match="does not know"):
            bob.cancel(annas[3])
        with pytest.raises(ServiceError, match="is another one"):
            bob.submit(annas[0], payload, "copy")
        assert {job.job_id for job in bob.jobs()} == set(bobs)
        ends = {}
        for client, job_id in itertools.chain(((anna, i) for i in annas), ((bob, i) for i in bobs)):
            event = list(client.follow(job_id))[-1]
            assert isinstance(event, StateEvent)
            ends[job_id] = event.at
    order = sorted(ends, key=lambda job_id: ends[job_id])
    assert order.index(bobs[1]) < order.index(annas[3])


def test_who_waits_is_told_the_place(shared_server: RunningServer, bike: Motorcycle) -> None:
    first, second = new_id(), new_id()
    with shared_server.client() as client:
        client.submit(first, small_payload(bike, pause=0.3), "copy")
        client.submit(second, small_payload(bike), "copy")
        places = [
            event for event in client.follow(second) if isinstance(event, JobProgress) and event.stage == "queued"
        ]
        assert client.status(second).queue_place == 0
    assert all(place.queue_place == 1 for place in places)


def test_a_long_list_of_jobs_fits_into_one_answer(start_server: StartServer, tmp_path: Path) -> None:
    owner = client_keys(tmp_path / "config").public
    (tmp_path / "data").mkdir()
    store = JobStore(tmp_path / "data" / "jobs.sqlite3")
    for number in range(150):
        job = store.create(f"job-{number:08d}", owner, "0" * 64, 1, "copy", "\N{CLAPPER BOARD}" * 200, 1e9 + number)
        store.apply(job, Cause.PAYLOAD_REFUSED, 1e9 + number, "because " * 200)
    store.close()
    with start_server("--keep-fetched-days", "100000").client() as client:
        listed = client.jobs()
        whole = client.status("job-00000149")
    assert [job.job_id for job in listed][:3] == ["job-00000149", "job-00000148", "job-00000147"]
    assert len(listed) >= 40
    assert listed[0].reason == whole.reason[:200]


def test_following_ends_when_interrupted(shared_server: RunningServer, bike: Motorcycle) -> None:
    job_id, stop = new_id(), threading.Event()
    seen: list[StateEvent | JobProgress] = []
    with shared_server.client() as client:
        client.submit(job_id, small_payload(bike, pause=0.2, frames=50), "copy")
        for count, event in enumerate(client.follow(job_id, interrupted=stop.is_set)):
            seen += [event]
            if count == 3:
                stop.set()
        assert _states(seen)[-1] == "running"
        client.cancel(job_id)
        sequence = max(event.sequence for event in seen if isinstance(event, StateEvent))
        later = list(client.follow(job_id, after_sequence=sequence))
    assert _states(later) == ["cancelled"]
