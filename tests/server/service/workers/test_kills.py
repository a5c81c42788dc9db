"""kill -9 of the worker and of the server, in mid-job: nothing accepted is lost, nothing is made twice."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import psutil
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from tests.support.servers import KILLED, PATIENCE, RunningServer, StartServer, can_be_asked_to_end, new_id
from tests.support.shots import small_payload


def _worker_of(server: RunningServer) -> psutil.Process:
    assert server.process is not None
    (worker,) = psutil.Process(server.process.pid).children()
    return worker


def _states(events: list[StateEvent]) -> list[str]:
    return [event.state.value for event in events]


def test_a_killed_worker_costs_an_attempt_and_nothing_else(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id, events, go_on = start_server(), new_id(), [], tmp_path / "go on"
    with server.client() as client:
        client.submit(job_id, small_payload(bike, pause=0.2, until=str(go_on)), "copy")
        for event in client.follow(job_id):
            if isinstance(event, JobProgress):
                if event.done == 2 and event.attempt == 1:
                    _worker_of(server).kill()
                    go_on.touch()
            else:
                events.append(event)
        paths = client.fetch(job_id, tmp_path / "clip")
    assert _states(events) == ["uploading", "queued", "running", "queued", "running", "finalizing", "done"]
    assert [event.sequence for event in events] == list(range(1, 8))
    assert KILLED in events[3].reason
    assert len(paths) == 6
    assert not list((server.data_dir / "work").iterdir())


def test_a_killed_server_goes_on_where_it_was_and_the_client_is_not_told(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id, events, connections, go_on = start_server(), new_id(), [], [], tmp_path / "go on"
    with server.client(on_connection=connections.append) as client:
        client.submit(job_id, small_payload(bike, pause=0.2, until=str(go_on)), "copy")
        worker = _worker_of(server)
        for event in client.follow(job_id):
            if isinstance(event, StateEvent):
                events.append(event)
            elif event.done == 2 and event.attempt == 1:
                server.kill()
                assert worker.wait(PATIENCE) is None or not worker.is_running()
                go_on.touch()
                server.start()
        client.fetch(job_id, tmp_path / "clip")
    assert _states(events) == ["uploading", "queued", "running", "queued", "running", "finalizing", "done"]
    assert "restarted" in events[3].reason
    assert connections[0] is True
    assert False in connections
    assert connections[-1] is True


def test_a_server_killed_during_the_upload_takes_the_rest_later(start_server: StartServer, bike: Motorcycle) -> None:
    server, job_id = start_server(), new_id()
    payload = small_payload(bike, frames=250)
    assert len(payload) > 2_500_000
    killed: list[int] = []

    def on_sent(told: JobProgress) -> None:
        if 0 < told.done < told.total and not killed:
            killed.append(told.done)
            server.kill()
            server.start()

    with server.client() as client:
        status = client.submit(job_id, payload, "copy", on_sent=on_sent)
        assert killed
        assert status.state is not JobState.UPLOADING
        client.cancel(job_id)


def test_a_server_killed_during_the_fetch_gives_the_rest_later(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id = start_server(), new_id()
    killed: list[int] = []

    def on_received(told: JobProgress) -> None:
        if told.done > told.total // 2 and not killed:
            killed.append(told.done)
            server.kill()
            server.start()

    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))
        paths = client.fetch(job_id, tmp_path / "clip", on_received)
        assert killed
        assert [path.stat().st_size for path in paths] == [file.nbytes for file in client.status(job_id).results]


def test_a_server_that_stays_away_is_said_after_the_patience(start_server: StartServer, bike: Motorcycle) -> None:
    server, job_id = start_server(), new_id()
    with server.client(patience=0.5) as client:
        client.submit(job_id, small_payload(bike, pause=0.2, frames=50), "copy")
        events = client.follow(job_id)
        assert isinstance(next(events), StateEvent)
        server.kill()
        with pytest.raises(ServiceError, match="No server answers at"):
            list(events)


@can_be_asked_to_end
def test_a_graceful_stop_lets_a_short_job_finish_and_queues_a_long_one(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, short, long, go_on = start_server("--stop-grace", "60"), new_id(), new_id(), tmp_path / "go on"
    with server.client() as client:
        client.submit(short, small_payload(bike, pause=0.2, until=str(go_on)), "copy")
        client.submit(long, small_payload(bike, pause=0.1, frames=6), "copy")
        for event in client.follow(short):
            if isinstance(event, JobProgress) and event.done == 2 and not go_on.exists():
                assert server.process is not None
                server.process.send_signal(signal.SIGTERM)
                go_on.touch()
                assert server.wait() == 0
                server.start()
        assert client.status(short).attempt == 1
        assert client.status(short).state is JobState.DONE
        ends = list(client.follow(long))
    assert isinstance(ends[-1], StateEvent)
    assert ends[-1].state is JobState.DONE


def test_the_server_ends_with_its_parent(start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client:
        client.connect()
    worker = _worker_of(server)
    assert server.process is not None
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.wait() == 0
    psutil.wait_procs([worker], timeout=PATIENCE)
    assert not worker.is_running()


def test_a_client_in_another_thread_is_interrupted_while_the_server_is_away(start_server: StartServer) -> None:
    server, stop, codes = start_server(), threading.Event(), []
    client = server.client(interrupted=stop.is_set)
    client.connect()
    server.kill()

    def ask() -> None:
        try:
            client.jobs()
        except ServiceError as error:
            codes.append(error.code)

    thread = threading.Thread(target=ask)
    thread.start()
    stop.set()
    thread.join(PATIENCE)
    client.close()
    assert codes == ["interrupted"]
