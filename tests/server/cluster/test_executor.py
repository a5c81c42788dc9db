"""A server's workers come and go with the nodes of its cluster, and wait for it while it is gone. No Ray is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import Limits
from server.cluster.driver_messages import (
    Demand,
    EndWorker,
    FromDriver,
    Node,
    Nodes,
    OutOfReach,
    Said,
    StartWorker,
    Tell,
    ToDriver,
    WorkerEnded,
)
from server.cluster.executor import ClusterWorkers
from server.cluster.link import OnDriver
from server.engines.engine import EngineNeeds
from server.service.options import ServiceOptions
from server.service.wakeup import Wakeup
from server.service.workers import worker_messages as pipe
from server.service.workers.executor import WorkerCannotStartError, WorkerLost, WorkerState

GB = 2**30
PLAIN = Node(node_id="aaaaaa00", host="head", cpus=2, card_memory=())
CARD = Node(node_id="bbbbbb00", host="render", cpus=2, card_memory=(24 * GB,))
NEEDS = {"draft": EngineNeeds(), "network": EngineNeeds(cards=1, card_memory=8 * GB, without_card="never")}
GONE = OutOfReach(reason="The Ray cluster at h:1 is gone: Connection refused.")


class Driver:
    """A driver that says what it is told to say."""

    def __init__(self, post: OnDriver) -> None:
        self._post = post
        self.sent: list[ToDriver] = []

    def send(self, message: ToDriver) -> None:
        self.sent.append(message)

    def kill(self, why: str) -> None:
        self.say(OutOfReach(reason=why))

    def close(self, seconds: float) -> None:
        return

    def say(self, message: FromDriver) -> None:
        self._post(self, message)  # type: ignore[arg-type]

    def started(self) -> dict[str, int]:
        """The number of each worker that it was to start last, by name."""
        return {message.name: message.worker for message in self.sent if isinstance(message, StartWorker)}


class Loop:
    """What the service's loop does with its executor."""

    def __init__(self, folder: Path, cards_per_worker: int = 1) -> None:
        self.folder = folder
        self.now = 0.0
        self.wakeup = Wakeup()
        self.drivers: list[Driver] = []
        self.said: list[tuple[str, object]] = []
        options = ServiceOptions(data_dir=folder)
        self.executor = ClusterWorkers(
            options,
            self.wakeup,
            lambda: self.now,
            self.new_driver,  # type: ignore[arg-type]
            cards_per_worker,
        )
        self.executor.listen(lambda worker, message: self.said.append((worker, message)))

    def new_driver(self, post: OnDriver) -> Driver:
        self.drivers.append(Driver(post))
        return self.drivers[-1]

    def turn(self, seconds: float = 0.1) -> None:
        self.now += seconds
        for _ in range(3):
            for action in self.wakeup.take():
                action()
        self.executor.tick()

    def join(self, *nodes: Node) -> Driver:
        """Have the last driver find these nodes, and all their workers say what their engines can do."""
        driver = self.drivers[-1]
        before = driver.started()
        driver.say(Nodes(nodes=nodes))
        self.turn()
        for name, number in driver.started().items():
            if before.get(name) != number:
                facts = {"label": name, "description": "", "sizes": ((8, 8),), "frame_counts": (1,)}
                engines = tuple(msgspec.convert({"name": engine, **facts}, EngineCapability) for engine in NEEDS)
                driver.say(Said(worker=number, message=pipe.Ready(pid=1, engines=engines, needs=NEEDS)))
        self.turn()
        return driver

    def states(self) -> dict[str, WorkerState]:
        return {worker.place.name: worker.state for worker in self.executor.workers()}

    def unavailable(self, engine: str) -> str:
        return next(found.unavailable for found in self.executor.engines or () if found.name == engine)

    def run(self, worker: str) -> None:
        path = str(self.folder)
        paths = {"payload": path, "work": path, "checkpoints": path}
        self.executor.run(worker, pipe.RunJob(job_id="j", attempt=1, engine="network", limits=Limits(), **paths))


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """A loop whose driver has been started."""
    turning = Loop(tmp_path)
    turning.turn()
    yield turning
    turning.wakeup.close()


def test_workers_come_and_go_with_their_nodes(loop: Loop) -> None:
    assert loop.executor.engines is None
    loop.join(PLAIN)
    assert loop.states() == {"head/light": WorkerState.READY, "head/heavy": WorkerState.ASLEEP}
    assert "it needs a card" in loop.unavailable("network")
    driver = loop.join(PLAIN, CARD)
    assert loop.states() == dict.fromkeys(("head/light", "render/light", "render/card0"), WorkerState.READY)
    assert loop.unavailable("network") == ""
    loop.run("render/card0")
    assert isinstance(driver.sent[-1], Tell)
    loop.join(PLAIN)
    assert ("render/card0", WorkerLost("its node is gone")) in loop.said
    assert "render/card0" not in loop.states()
    assert loop.unavailable("network") == "", "a node with a card may come back: its jobs wait"


def test_a_worker_that_dies_is_started_anew_and_the_old_one_is_not_heard(loop: Loop) -> None:
    driver = loop.join(CARD)
    old = driver.started()["render/card0"]
    loop.run("render/card0")
    driver.say(WorkerEnded(worker=old, reason="it crashed with SIGSEGV"))
    loop.turn()
    driver.say(Said(worker=old, message=pipe.Stopped(job_id="j", attempt=1)))
    loop.turn()
    assert loop.said == [("render/card0", WorkerLost("it crashed with SIGSEGV"))]
    loop.executor.want([NEEDS["network"]])
    loop.turn()
    assert driver.started()["render/card0"] > old


def test_a_worker_out_of_reach_is_lost_as_soon_as_it_is_ended(loop: Loop) -> None:
    driver = loop.join(CARD)
    loop.run("render/card0")
    loop.executor.end("render/card0")
    loop.turn()
    assert loop.said == [("render/card0", WorkerLost("it was ended"))]
    assert EndWorker(worker=driver.started()["render/light"] + 1) in driver.sent


def test_while_the_cluster_is_gone_attempts_go_back_and_everything_says_so(loop: Loop) -> None:
    driver = loop.join(CARD)
    loop.run("render/card0")
    driver.say(GONE)
    loop.turn()
    first = next(message for worker, message in loop.said if worker == "render/card0")
    assert first == pipe.Suspended(job_id="j", attempt=1), "an outage is not the job's fault"
    assert loop.executor.trouble == GONE.reason
    assert all("Jobs wait until it is back" in str(engine.notice) for engine in loop.executor.engines or ())
    loop.turn(5.0)
    assert len(loop.drivers) == 2
    loop.join(msgspec.structs.replace(CARD, node_id="cccccc00"))
    assert loop.executor.trouble == ""
    assert loop.states() == dict.fromkeys(("render/light", "render/card0"), WorkerState.READY)


def test_a_server_that_was_on_the_cluster_starts_without_it(loop: Loop) -> None:
    loop.join(CARD)
    again = Loop(loop.folder)
    again.turn()
    again.drivers[0].say(GONE)
    again.turn()
    assert [engine.name for engine in again.executor.engines or ()] == list(NEEDS)
    again.wakeup.close()


@pytest.mark.parametrize("said", [GONE, Nodes(nodes=(msgspec.structs.replace(CARD, problem="It has Ray 1."),))])
def test_a_server_that_was_never_on_it_ends_with_the_reason(loop: Loop, said: FromDriver) -> None:
    loop.drivers[0].say(said)
    with pytest.raises(WorkerCannotStartError, match=r"is gone: Connection refused|It has Ray 1"):
        loop.turn()


def test_a_cluster_that_anybody_can_use_ends_a_server_that_was_on_it(loop: Loop) -> None:
    driver = loop.join(CARD)
    driver.say(OutOfReach(reason="It takes in whoever has no token.", for_good=True))
    with pytest.raises(WorkerCannotStartError, match="whoever has no token"):
        loop.turn()


def test_a_node_that_leaves_gets_no_more_jobs_and_its_engines_stop_at_a_checkpoint(loop: Loop) -> None:
    driver = loop.join(CARD)
    loop.run("render/card0")
    loop.join(msgspec.structs.replace(CARD, draining=True))
    assert all(worker.draining for worker in loop.executor.workers())
    assert Tell(worker=driver.started()["render/card0"], message=pipe.Pause()) in driver.sent


def test_a_node_that_leaves_while_the_server_joins_gets_no_jobs(loop: Loop) -> None:
    loop.join(PLAIN, msgspec.structs.replace(CARD, draining=True))
    assert {worker.place.node for worker in loop.executor.workers() if not worker.draining} == {"head"}


def test_a_worker_has_the_cards_of_a_node_that_it_is_to_have_together(tmp_path: Path) -> None:
    loop = Loop(tmp_path, cards_per_worker=2)
    loop.turn()
    driver = loop.join(msgspec.structs.replace(CARD, card_memory=(24 * GB, 24 * GB)))
    (worker,) = [message for message in driver.sent if isinstance(message, StartWorker) and message.cards]
    assert (worker.name, worker.cards) == ("render/card0+1", 2)
    assert loop.unavailable("network") == ""
    loop.wakeup.close()


def test_an_autoscaler_is_told_what_waits_for_cards(loop: Loop) -> None:
    driver = loop.join(CARD)
    loop.executor.want([NEEDS["draft"], NEEDS["network"]])
    loop.executor.want([NEEDS["draft"], NEEDS["network"]])
    loop.executor.want([])
    card = {"GPU": 1.0}
    assert [message for message in driver.sent if isinstance(message, Demand)] == [
        Demand(bundles=(card, card)),
        Demand(bundles=(card,)),
    ], "beside the one that it has"


def test_an_autoscaler_is_told_how_much_memory_where_nodes_say_theirs(loop: Loop) -> None:
    driver = loop.join(CARD)
    driver.say(Nodes(nodes=(CARD,), memory_declared=True))
    loop.turn()
    loop.run("render/card0")
    loop.executor.want([NEEDS["network"]])
    asked = {"GPU": 1.0, "realcam_card_gb": 8.0}
    assert [message for message in driver.sent if isinstance(message, Demand)] == [Demand(bundles=(asked, asked))]
