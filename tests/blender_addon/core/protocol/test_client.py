"""The client against servers that are not there, not ours, or of another age, and disks that are full."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.server_address import ServerAddress, parse_address
from server.demo.motorcycle import Motorcycle
from tests.support.folders import small_file_system
from tests.support.servers import RunningServer, free_address, new_id
from tests.support.shots import small_payload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for this file."""
    folder = tmp_path_factory.mktemp("server")
    running = RunningServer(folder / "data", folder / "config").start()
    yield running
    running.stop()


def test_no_server_is_said_at_once() -> None:
    with pytest.raises(ServiceError, match=r"No server answers at 127\.0\.0\.1") as error:
        Client(free_address(), "me", "tests").connect()
    assert error.value.code == "unreachable"
    assert "realcam serve" in error.value.remedy


def test_a_name_that_is_no_host_is_said() -> None:
    with pytest.raises(ServiceError, match=r"No server answers at no-such-host\.invalid"):
        Client(ServerAddress("no-such-host.invalid"), "me", "tests").connect()


def test_something_else_that_listens_is_not_taken_for_a_server(server: RunningServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = threading.Event()

        def talk_http() -> None:
            while not closed.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100)

        thread = threading.Thread(target=talk_http, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        stranger = Client(ServerAddress("127.0.0.1", port, port), "me", "tests", config=server.config_dir)
        with pytest.raises(ServiceError, match=r"not a RealCam server|does not answer as a RealCam server"):
            stranger.connect(timeout=2.0)
        closed.set()


@pytest.mark.parametrize(("version", "side"), [((3, 0), "on this computer"), ((1, 0), "Update the server")])
def test_a_server_of_another_version_names_the_side_to_update(
    tmp_path: Path, version: tuple[int, int], side: str
) -> None:
    program = (
        "import blender_addon.core.protocol.messages as messages\n"
        f"messages.PROTOCOL_VERSION = {version}\n"
        "from server.cli import app\n"
        "app()\n"
    )
    other = RunningServer(tmp_path / "data", tmp_path / "config", program=("-c", program)).start()
    try:
        with pytest.raises(ServiceError, match="another version of the protocol") as error:
            other.client().connect()
        assert error.value.code == "protocol"
        assert side in error.value.remedy
    finally:
        other.stop()


def test_a_folder_that_cannot_be_made_is_said(server: RunningServer, bike: Motorcycle, tmp_path: Path) -> None:
    job_id = new_id()
    (tmp_path / "file").write_text("in the way")
    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))
        with pytest.raises(ServiceError, match="The clip cannot be written") as error:
            client.fetch(job_id, tmp_path / "file" / "clip")
        assert error.value.code == "not-writable"
        assert len(client.fetch(job_id, tmp_path / "clip")) == 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 KiB."""
    with small_file_system(tmp_path / "small", 40) as folder:
        yield folder


def test_a_full_disk_is_said_with_numbers_and_the_clip_comes_once_there_is_room(
    server: RunningServer, bike: Motorcycle, small_disk: Path
) -> None:
    job_id = new_id()
    filler = small_disk / "filler"
    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))
        filler.write_bytes(b"x" * 28_000)
        with pytest.raises(ServiceError, match="MB free") as error:
            client.fetch(job_id, small_disk / "clip")
        assert error.value.code == "disk-full"
        filler.unlink()
        paths = client.fetch(job_id, small_disk / "clip")
        assert [path.stat().st_size for path in paths] == [file.nbytes for file in client.status(job_id).results]


def test_a_disk_that_fills_up_in_the_middle_is_said_and_resumed(
    server: RunningServer, bike: Motorcycle, small_disk: Path
) -> None:
    job_id = new_id()
    filler = small_disk / "filler"
    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))

        def fill(told: JobProgress) -> None:
            if 0 < told.done < told.total and not filler.exists():
                try:
                    with filler.open("wb", buffering=0) as stream:
                        while stream.write(b"x" * 4096):
                            pass
                except OSError:
                    pass

        with pytest.raises(ServiceError, match="too full") as error:
            client.fetch(job_id, small_disk / "clip", fill)
        assert error.value.code == "disk-full"
        filler.unlink()
        paths = client.fetch(job_id, small_disk / "clip")
        assert [path.stat().st_size for path in paths] == [file.nbytes for file in client.status(job_id).results]
        assert not list((small_disk / "clip").rglob("*.part"))


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the clock forward by so many seconds."""
    ahead, real = [0.0], time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: real() + ahead[0])

    def forward(seconds: float) -> None:
        ahead[0] += seconds

    return forward


def test_a_client_that_was_left_alone_for_long_is_still_connected(
    server: RunningServer, pass_time: Callable[[float], None]
) -> None:
    connections: list[bool] = []
    with server.client(on_connection=connections.append) as client:
        client.jobs()
        pass_time(3600.0)
        client.jobs()
    assert connections == [True]


def test_a_call_has_its_own_patience(tmp_path: Path, pass_time: Callable[[float], None]) -> None:
    server = RunningServer(tmp_path / "data", tmp_path / "config").start()
    with server.client(patience=600.0) as client:
        client.jobs()
        server.kill()
        server.start()
        pass_time(3600.0)
        assert client.jobs() == ()
    server.stop()


def test_what_was_fetched_is_not_fetched_again_and_damage_is_mended(
    server: RunningServer, bike: Motorcycle, tmp_path: Path
) -> None:
    job_id = new_id()
    with server.client() as client:
        client.submit(job_id, small_payload(bike), "copy")
        list(client.follow(job_id))
        paths = client.fetch(job_id, tmp_path)
        first_reports: list[int] = []
        client.fetch(job_id, tmp_path, lambda told: first_reports.append(told.total - told.done))
        assert first_reports == [0]
        good = paths[1].read_bytes()
        paths[1].write_bytes(good[:-1] + b"?")
        client.fetch(job_id, tmp_path)
        assert paths[1].read_bytes() == good
        paths[2].with_name(paths[2].name + ".part").write_bytes(paths[2].read_bytes()[:100])
        whole = paths[2].read_bytes()
        paths[2].unlink()
        client.fetch(job_id, tmp_path)
        assert paths[2].read_bytes() == whole
        alone = tmp_path / "alone"
        (one,) = client.fetch(job_id, alone, names=["frames/0000.png"])
        assert [path for path in alone.rglob("*") if path.is_file()] == [one]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "127.0.0.1", 47110),
        ("render-box", "render-box", 47110),
        ("10.0.0.5:9000", "10.0.0.5", 9000),
        ("tcp://10.0.0.5:9000", "10.0.0.5", 9000),
        ("[::1]:9000", "::1", 9000),
        ("::1", "::1", 47110),
        ("[::1]", "::1", 47110),
        ("fe80::1%eth0", "fe80::1%eth0", 47110),
    ],
)
def test_addresses_as_people_type_them(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.control_port, address.data_port) == (host, port, port + 1)
    # What is shown, and what the preferences keep, is read as the same.
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["host:port", "host:0", "host:70000", "host:-1", "[::1]9000", "[::1:9000", "a b:1"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ServiceError, match="not a server's address"):
        parse_address(text)
