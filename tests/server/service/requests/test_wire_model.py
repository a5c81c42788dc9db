"""The wire's promises, whatever the wire does: messages lost, doubled and overtaking each other both ways, connections
cut, worker and server killed at any of them."""

from __future__ import annotations

import gc
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol import client as client_module
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, Limits, RefusalCode, StateEvent
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.motorcycle import motorcycle
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_states import MAX_ATTEMPTS, MAX_STARTS
from server.service.jobs.job_store import JobStore
from tests.support.network.simulated_wire import LIMITS, Fault, World, clip_of
from tests.support.properties import examples
from tests.support.shots import small_payload
from tests.support.systems.refused_calls import refused_first
from tests.support.systems.sharing_rule import sharing_violation

MEMORY = Path("/dev/shm")
JOBS = tuple(f"job-{number:08d}" for number in range(3))
ADDRESS = ServerAddress("simulated", 1, 2)


@cache
def shot(number: int) -> bytes:
    """Shots that differ."""
    return small_payload(motorcycle(), frames=1, seed=number)


class Artist:
    """A client, and what it may expect."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client = self._client_of("anna")
        self._stranger = self._client_of("bob")
        self._shots: dict[str, bytes] = {}
        """Of the jobs that were accepted."""
        self._seen: dict[str, dict[int, JobState]] = {}
        self._cancelled: set[str] = set()

    def _client_of(self, name: str) -> Client:
        return Client(ADDRESS, name, "tests", config=self._world.folder, connect=self._world.connect)

    def submit(self, job_id: str) -> None:
        """Again and again is the same as once."""
        shot_file = self._shots.get(job_id, shot(JOBS.index(job_id)))
        status = self._client.submit(job_id, shot_file, "copy")
        assert status.state is not JobState.UNKNOWN
        assert self._world.manager.store.get(job_id).state is not JobState.UPLOADING
        self._shots[job_id] = shot_file

    def submit_another(self, job_id: str) -> None:
        """Another shot under the id of one that was accepted."""
        if job_id not in self._shots:
            return
        assert _refusal(lambda: self._client.submit(job_id, shot(7), "copy")) == RefusalCode.JOB_CONFLICT

    def follow(self, job_id: str) -> None:
        """Every state once and in order, the same ones whenever one asks; and never the end of a job not known."""
        events = [event for event in self._client.follow(job_id) if isinstance(event, StateEvent)]
        if job_id not in self._shots:
            assert [event.state for event in events] == [JobState.UNKNOWN]
            return
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert [event.state.final for event in events] == [False] * (len(events) - 1) + [True]
        shown = {event.sequence: event.state for event in events}
        assert JobState.UNKNOWN not in shown.values()
        assert self._seen.setdefault(job_id, shown) == shown

    def cancel(self, job_id: str) -> None:
        """Of a job that is not known it is refused."""
        expected = "" if job_id in self._shots else RefusalCode.NO_SUCH_JOB
        assert _refusal(lambda: self._client.cancel(job_id)) == expected
        self._cancelled.add(job_id)

    def fetch(self, job_id: str) -> None:
        """Whole and right, or not at all."""
        folder = self._world.folder / "fetched" / job_id
        refusal = _refusal(lambda: self._client.fetch(job_id, folder))
        assert refusal in ("", RefusalCode.NOT_READY)
        if not refusal:
            assert (folder / "clip.mp4").read_bytes() == clip_of(self._shots[job_id])

    def ask(self, job_id: str) -> None:
        """UNKNOWN if and only if it was never accepted; to somebody else, always."""
        assert (self._client.status(job_id).state is JobState.UNKNOWN) == (job_id not in self._shots)
        assert self._stranger.status(job_id).state is JobState.UNKNOWN

    def bring_in(self) -> None:
        """At the end everything accepted has ended, once, as it should, and is here."""
        for job_id in self._shots:
            self.follow(job_id)
            self.fetch(job_id)
            job = self._world.manager.store.get(job_id)
            ends = [event.state for event in self._world.manager.store.events_after(job_id, 0) if event.state.final]
            assert ends == [job.state]
            if job.state is JobState.DONE:
                assert (self._world.folder / "fetched" / job_id / "clip.mp4").exists()
            elif job.state is JobState.FAILED:
                assert job.lifecycle.worker_crashes >= MAX_ATTEMPTS or job.attempt >= MAX_STARTS
            else:
                assert job_id in self._cancelled


def _refusal(call: Callable[[], object]) -> str:
    """The code of the server's no; "" when it was a yes."""
    try:
        call()
    except ServiceError as error:
        return error.code
    return ""


ACTS = (Artist.submit, Artist.submit_another, Artist.follow, Artist.cancel, Artist.fetch, Artist.ask)
faults = st.integers(0, 30).flatmap(
    lambda count: st.lists(st.tuples(st.sampled_from(Fault), st.integers(0, 7)), min_size=count, max_size=count)
)
script = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(JOBS), faults), max_size=8)


@contextmanager
def a_world(limits: Limits = LIMITS) -> Iterator[World]:
    """In memory where there is such a place: the model syncs thousands of files. No pause before a retry."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    with patch.object(client_module, "RETRY_SECONDS", 0.0):
        world = World(folder, limits)
        try:
            yield world
        finally:
            world.close()
            shutil.rmtree(folder)


@examples(200)
@given(script)
def test_whatever_the_wire_does(
    script: list[tuple[Callable[[Artist, str], None], str, list[tuple[Fault, int]]]],
) -> None:
    with a_world() as world:
        artist = Artist(world)
        for act, job_id, faults in [*script, (Artist.submit, JOBS[0], [])]:
            world.faults.extend(faults)
            act(artist, job_id)
        artist.bring_in()


def test_files_that_are_held_while_they_come_and_go_cost_no_job() -> None:
    """A scanner that lets nobody else open the upload, then the clip: the client connects again and goes on."""
    with a_world() as world:
        artist = Artist(world)
        with refused_first(3, world.folder / "uploads", ("open",)) as refused:
            world.manager.files.upload(JOBS[0]).touch()
            artist.submit(JOBS[0])
            assert set(refused.values()) == {3}
        with refused_first(3, world.folder / "results", ("open",)) as refused:
            artist.bring_in()
            assert set(refused.values()) == {3}
        assert world.manager.store.get(JOBS[0]).state is JobState.DONE


def test_an_upload_that_is_held_while_it_is_moved_is_sent_on_and_not_called_a_full_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = [sharing_violation("upload")]
    real = JobFiles.store_payload

    def store_payload(files: JobFiles, job_id: str) -> None:
        if refusals:
            raise refusals.pop()
        real(files, job_id)

    monkeypatch.setattr(JobFiles, "store_payload", store_payload)
    with a_world() as world:
        artist = Artist(world)
        artist.submit(JOBS[0])
        artist.bring_in()
        assert world.manager.store.get(JOBS[0]).state is JobState.DONE
    assert refusals == []


def test_an_event_costs_no_query_for_each_job_that_waits() -> None:
    """Jobs looked up while one is followed to its end, with few and with many in the queue."""
    asked: list[int] = []
    for waiting in (2, 30):
        with a_world() as world:
            client = Client(ADDRESS, "anna", "tests", config=world.folder, connect=world.connect)
            jobs = [f"job-{number:08d}" for number in range(waiting)]
            for job_id in jobs:
                client.submit(job_id, shot(0), "copy")
            with patch.object(JobStore, "find", autospec=True, side_effect=JobStore.find) as find:
                list(client.follow(jobs[0]))
            asked.append(find.call_count)
    assert asked[0] == asked[1]


def test_nothing_of_a_job_stays_in_the_servers_memory(tmp_path: Path) -> None:
    """Blocks that the interpreter holds, which the record on the disk has none of."""
    with a_world() as world:
        anna = Client(ADDRESS, "anna", "tests", config=world.folder, connect=world.connect)

        def bring(job_id: str) -> None:
            anna.submit(job_id, shot(0), "copy")
            list(anna.follow(job_id))
            anna.fetch(job_id, tmp_path)
            (tmp_path / "clip.mp4").unlink()

        for number in range(120):
            if number == 20:
                gc.collect()
                before = sys.getallocatedblocks()
            bring(f"job-{number:08d}")
        gc.collect()
        assert sys.getallocatedblocks() - before < 2 * 100


def test_submitting_and_cancelling_without_end_leaves_no_endless_record() -> None:
    with a_world(msgspec.structs.replace(LIMITS, ended_jobs=5)) as world:
        anna, bob = (
            Client(ADDRESS, name, "tests", config=world.folder, connect=world.connect) for name in ("anna", "bob")
        )
        bob.submit("of-bob-00000000", shot(0), "copy")
        bob.cancel("of-bob-00000000")
        list(bob.follow("of-bob-00000000"))
        for number in range(20):
            anna.submit(f"job-{number:08d}", shot(0), "copy")
            anna.cancel(f"job-{number:08d}")
            list(anna.follow(f"job-{number:08d}"))
        assert [job.job_id for job in anna.jobs()] == [f"job-{number:08d}" for number in range(19, 13, -1)]
        assert anna.status("job-00000000").state is JobState.UNKNOWN
        assert bob.status("of-bob-00000000").state is JobState.CANCELLED
