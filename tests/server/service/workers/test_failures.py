"""Full disks, engines that never work, samplers that are interrupted, and a server that says how it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, Limits, StateEvent
from blender_addon.core.protocol.server_address import ServerAddress
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Paused
from server.service.metrics import metrics_text, serve_metrics
from server.service.options import ServiceOptions
from server.service.service import Service
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.folders import small_file_system
from tests.support.servers import (
    CRASHED,
    ENGINES,
    PATIENCE,
    REPOSITORY,
    RunningServer,
    StartServer,
    can_be_asked_to_end,
    free_address,
    new_id,
)
from tests.support.shots import small_payload


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB for the server's data."""
    with small_file_system(tmp_path / "data", 12 * 1024) as folder:
        yield folder


def _last(events: list[StateEvent | JobProgress]) -> StateEvent:
    assert isinstance(events[-1], StateEvent)
    return events[-1]


def _fill(folder: Path, leave: int = 0) -> Path:
    """Take what is free, but for `leave` bytes."""
    filler = folder / "filler"
    size = max(shutil.disk_usage(folder).free - leave, 0)
    filler.write_bytes(b"x" * size)
    return filler


def test_no_room_is_said_before_anything_is_sent(small_disk: Path, start_server: StartServer, bike: Motorcycle) -> None:
    server = start_server("--keep-free", "0")
    with server.client() as client:
        client.connect()
        filler = _fill(small_disk, leave=100_000)
        with pytest.raises(ServiceError, match="no room for this job: it takes up to") as error:
            client.submit(new_id(), small_payload(bike), "copy")
        assert error.value.code == "no-space"
        filler.unlink()
        job_id = new_id()
        client.submit(job_id, small_payload(bike), "copy")
        assert _last(list(client.follow(job_id))).state is JobState.DONE


def test_a_disk_that_fills_up_in_mid_job_fails_that_job_alone(
    small_disk: Path, start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server = start_server("--keep-free", "0")
    first, second = new_id(), new_id()
    with server.client() as client:
        client.submit(first, small_payload(bike, frames=250, until=str(tmp_path / "go on")), "copy")
        client.submit(second, small_payload(bike), "copy")
        filler: Path | None = None
        for event in client.follow(first):
            if isinstance(event, JobProgress) and event.done > 0 and filler is None:
                filler = _fill(small_disk)
                (tmp_path / "go on").touch()
        assert filler is not None
        filler.unlink()
        assert client.status(first).state is JobState.FAILED
        assert "disk is full" in client.status(first).reason
        assert _last(list(client.follow(second))).state is JobState.DONE
        assert len(client.fetch(second, tmp_path / "clip")) == 6


def test_an_engine_that_fails_three_jobs_is_suspended_with_its_reason(
    start_server: StartServer, bike: Motorcycle
) -> None:
    server = start_server()
    failing, waiting = [new_id() for _ in range(3)], new_id()
    with server.client() as client:
        for job_id in (*failing, waiting):
            client.submit(job_id, small_payload(bike, "crash"), "crash")
        for job_id in failing:
            assert _last(list(client.follow(job_id))).state is JobState.FAILED
        # What was accepted is kept, and says what it waits for.
        told = (event.stage for event in client.follow(waiting) if isinstance(event, JobProgress))
        assert CRASHED in next(stage for stage in told if "suspended this engine" in stage)
        assert client.status(waiting).state is JobState.QUEUED
        client.cancel(waiting)
        with pytest.raises(ServiceError, match=rf"failed 3 jobs in a row.*{CRASHED}"):
            client.submit(new_id(), small_payload(bike, "crash"), "crash")
        unavailable = {engine.name: engine.unavailable for engine in client.connect().engines}
        assert CRASHED in unavailable["crash"]
        assert unavailable["copy"] == ""
        assert list(client.stats().suspended_engines) == ["crash"]
        job_id = new_id()
        client.submit(job_id, small_payload(bike), "copy")
        assert _last(list(client.follow(job_id))).state is JobState.DONE


def test_one_clients_shots_take_an_engine_from_nobody_else(start_server: StartServer, bike: Motorcycle) -> None:
    server = start_server("--engine-rest", "5")
    waiting, neighbours = new_id(), new_id()
    with server.other_client("anna") as anna, server.client() as neighbour:
        failing = [new_id() for _ in range(3)]
        for job_id in failing:
            anna.submit(job_id, small_payload(bike, "fragile", bug=True), "fragile")
        anna.submit(waiting, small_payload(bike, "fragile"), "fragile")
        stages = list[str]()
        for event in anna.follow(waiting):
            if not isinstance(event, JobProgress):
                continue
            stages.append(event.stage)
            if "suspended this engine" in stages[-1] and neighbours not in failing:
                failing.append(neighbours)
                neighbour.submit(neighbours, small_payload(bike, "fragile"), "fragile")
                assert neighbour.stats().suspended_engines == {}
        assert {anna.status(job_id).state for job_id in failing[:3]} == {JobState.FAILED}
        assert any("suspended this engine" in stage and "what this shot brings out" in stage for stage in stages)
        assert _last(list(neighbour.follow(neighbours))).state is JobState.DONE
        assert anna.status(waiting).state is JobState.DONE, "tried again by itself"
        assert anna.stats().suspended_engines == {}


def _frames(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path)) for path in sorted((folder / "frames").iterdir())]


def test_a_sampler_goes_on_from_its_checkpoint_and_makes_the_same_clip(
    shared_server: RunningServer, bike: Motorcycle, tmp_path: Path
) -> None:
    calm, killed = new_id(), new_id()
    with shared_server.client() as client:
        client.submit(calm, small_payload(bike, "resume", seed=5), "resume")
        list(client.follow(calm))
        client.submit(killed, small_payload(bike, "resume", seed=5, die=True, always=True), "resume")
        events = list(client.follow(killed))
        client.fetch(calm, tmp_path / "calm")
        client.fetch(killed, tmp_path / "killed")
    assert _last(events).state is JobState.DONE
    assert _last(events).attempt == 2
    second = [e.done for e in events if isinstance(e, JobProgress) and e.stage == "resumed"]
    assert second == [4]
    np.testing.assert_array_equal(_frames(tmp_path / "killed"), _frames(tmp_path / "calm"))
    assert not (shared_server.data_dir / "checkpoints" / killed).exists()


@can_be_asked_to_end
def test_a_graceful_stop_has_a_sampler_leave_off_before_its_end(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id, go_on = start_server("--stop-grace", "60"), new_id(), tmp_path / "go on"
    stages: list[tuple[int, str]] = []
    with server.client() as client:
        client.submit(job_id, small_payload(bike, "resume", pause=0.3, frames=12, until=str(go_on)), "resume")
        for event in client.follow(job_id):
            if isinstance(event, StateEvent):
                last = event
                continue
            stages.append((event.done, event.stage))
            if event.stage == "fresh" and event.done == 2:
                assert server.process is not None
                server.process.send_signal(signal.SIGTERM)
                go_on.touch()
                assert server.wait() == 0
                server.start()
    assert last.state is JobState.DONE
    fresh = [step for step, stage in stages if stage == "fresh"]
    resumed = [step for step, stage in stages if stage == "resumed"]
    assert max(fresh) < 12
    assert min(resumed) >= max(fresh)
    assert last.attempt == 2


def test_prune_forgets_what_was_fetched_and_keeps_the_rest(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server = start_server()
    fetched, unfetched = new_id(), new_id()
    with server.client() as client, server.other_client("bob") as bob:
        for job_id in (fetched, unfetched):
            client.submit(job_id, small_payload(bike), "copy")
            list(client.follow(job_id))
        client.fetch(fetched, tmp_path)
        assert bob.prune(0.0, unfetched=True).jobs == 0
        assert client.prune(3600.0).jobs == 0
        pruned = client.prune(0.0)
        assert pruned.jobs == 1
        assert pruned.nbytes > 1000
        assert client.status(fetched).state is JobState.UNKNOWN
        assert [path.name for path in (server.data_dir / "results").iterdir()] == [unfetched]
        assert client.prune(0.0, unfetched=True).jobs == 1
        assert not list((server.data_dir / "results").iterdir())


def test_a_server_forgets_by_itself_what_was_fetched_and_is_old_or_too_much(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server = start_server("--keep-gigabytes", "0")
    fetched, unfetched = new_id(), new_id()
    with server.client() as client:
        for job_id in (fetched, unfetched):
            client.submit(job_id, small_payload(bike), "copy")
            list(client.follow(job_id))
        client.fetch(fetched, tmp_path / "clip")
        server.stop()
        server.start()
        assert client.status(unfetched).state is JobState.DONE
        assert client.status(fetched).state is JobState.UNKNOWN
        assert [path.name for path in (server.data_dir / "results").iterdir()] == [unfetched]


def test_the_server_says_how_it_is(start_server: StartServer, bike: Motorcycle) -> None:
    port = free_address().control_port
    server, job_id = start_server("--metrics-port", str(port)), new_id()
    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))
        facts = client.stats()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            served = page.read().decode()
    assert facts.jobs == {"done": 1}
    assert facts.worker_memory > 10_000_000 < facts.memory
    assert facts.disk_free > 0
    assert (facts.queued, facts.sessions, facts.refused_connections) == (0, 1, 0)
    for text in (metrics_text(facts), served):
        figures = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
        assert (figures["realcam_jobs"].labels, figures["realcam_jobs"].value) == ({"state": "done"}, 1.0)
        assert figures["realcam_disk_free_bytes"].value > 0
        assert "realcam_last_step_age_seconds" not in figures


def test_figures_that_cannot_be_had_end_nothing(start_server: StartServer, tmp_path: Path) -> None:
    port = free_address().control_port
    server = start_server("--metrics-port", str(port))

    def scrape() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            return page.read()

    with server.client() as client:
        # The disk of the jobs is gone for a moment.
        server.data_dir.rename(tmp_path / "away")
        assert b"realcam" not in scrape()
        with pytest.raises(ServiceError, match="cannot store this"):
            client.stats()
        (tmp_path / "away").rename(server.data_dir)
        assert b"realcam_disk_free_bytes" in scrape()
        assert client.stats().disk_free > 0


@pytest.mark.parametrize(("option", "port"), [("--metrics-port", 99_999), ("--port", 70_000), ("--data-port", -1)])
def test_a_port_that_is_none_is_said(tmp_path: Path, option: str, port: int) -> None:
    result = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path), option, str(port)])
    assert result.exit_code == 2
    assert "than or equal to" in result.output


def test_a_server_that_cannot_begin_leaves_no_worker(tmp_path: Path) -> None:
    before = psutil.Process().children()
    service = Service(ServiceOptions(tmp_path / "data", tmp_path / "config", control_port=0, data_port=0))
    (worker,) = [child for child in psutil.Process().children() if child not in before]
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ServiceError, match="another --metrics"):
        service.run(on_ready=lambda: serve_metrics(listener.getsockname()[1], service.stats).shutdown())
    assert not worker.is_running()


def test_a_disk_that_takes_no_checkpoint_costs_the_checkpoint_alone(small_disk: Path) -> None:
    stopping: list[bool] = []
    checkpoints = FileCheckpoints(small_disk / "job", lambda: bool(stopping))
    checkpoints.save(b"one" * 1_000_000)
    filler = _fill(small_disk, leave=100_000)
    stopping.append(True)
    with pytest.raises(Paused):
        checkpoints.save(b"two" * 1_000_000)
    assert checkpoints.load() == b"one" * 1_000_000, "the next start goes on from the one before"
    assert [path.name for path in (small_disk / "job").iterdir()] == ["state"]
    stopping.clear()
    checkpoints.save(b"two" * 1_000_000)
    assert checkpoints.load() is None
    assert shutil.disk_usage(small_disk).free > 3_000_000, "what it took is the clip's"
    filler.unlink()
    checkpoints.save(b"two" * 1_000_000)
    assert checkpoints.load() == b"two" * 1_000_000


def test_logs_carry_the_job_as_a_field(tmp_path: Path, bike: Motorcycle) -> None:
    server = RunningServer(tmp_path / "data", tmp_path / "config", ("--log-format", "json"))
    log, job_id = tmp_path / "log", new_id()
    server.log = log
    server.start()
    with server.client() as client:
        client.submit(job_id, small_payload(bike, "bug"), "bug")
        list(client.follow(job_id))
    server.stop()
    ready, *lines = sorted(log.read_text().splitlines(), key=lambda line: line.startswith("{"))
    assert ready.startswith("RealCam server ready on "), "the one line that is no log"
    entries = [json.loads(line) for line in lines]
    ours = [entry for entry in entries if entry.get("job") == job_id]
    assert {entry["logger"] for entry in ours} >= {"realcam.dispatcher", "realcam.worker"}
    assert any("KeyError" in entry.get("traceback", "") for entry in ours)


def _serve_engines(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`realcam serve` with other engines, in a folder that holds a module of them."""
    (folder / "broken_engines.py").write_text("raise RuntimeError('the driver is too old')\n")
    return subprocess.run(
        [
            *(sys.executable, "-m", "server.cli", "serve", "--port", "0"),
            *("--data-dir", str(folder / "data"), "--engines", name),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=child_environment({"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(folder)])}),
    )


@pytest.mark.parametrize(
    ("engines", "words"),
    [
        ("no_such_module:engines", "there is no module no_such_module. Mend --engines, or set PYTHONPATH"),
        ("server.no_such:engines", "there is no module server.no_such. Mend"),
        ("server.engines.registry:nothing", "server.engines.registry has no function nothing. Mend"),
        ("draft", "Write --engines module:function."),
    ],
)
def test_engines_that_are_not_there_are_said_in_one_sentence(tmp_path: Path, engines: str, words: str) -> None:
    done = _serve_engines(engines, tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"The server's worker process cannot start: '{engines}' names no engines")
    assert words in sentence


def test_a_worker_that_cannot_start_is_said(tmp_path: Path) -> None:
    """Engines that are there and broken: why, in their author's own terms, and that the server gave up."""
    done = _serve_engines("broken_engines:engines", tmp_path)
    assert done.returncode == 1
    assert "RuntimeError: the driver is too old" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("The server's worker process cannot start: it died 3 times")


def test_the_worker_keeps_to_the_servers_own_limits(tmp_path: Path, bike: Motorcycle) -> None:
    """A server that takes more frames than usual makes them, too."""
    usual = Limits()
    options = ServiceOptions(
        *(tmp_path / "data", tmp_path / "config"),
        control_port=0,
        data_port=0,
        engines=ENGINES,
        limits=msgspec.structs.replace(usual, frames=usual.frames + 44),
    )
    service = Service(options)
    address = ServerAddress("127.0.0.1", service.control_port, service.data_port)

    def make() -> StateEvent:
        try:
            with Client(address, "test", "tests", config=tmp_path / "config") as client:
                job_id = new_id()
                client.submit(job_id, small_payload(bike, frames=usual.frames + 1), "copy", "long")
                return _last(list(client.follow(job_id)))
        finally:
            service.stop(0.0)

    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make)
        service.run()
    assert made.result().state is JobState.DONE
