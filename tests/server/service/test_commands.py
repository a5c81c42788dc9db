"""The commands that ask a running server, in this process, and what they print."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from server.cli import app
from server.demo.motorcycle import Motorcycle
from tests.support.servers import RunningServer, new_id, running_server
from tests.support.shots import small_payload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def said(server: RunningServer, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--server", str(server.address)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_job_is_listed_cancelled_and_forgotten(server: RunningServer, bike: Motorcycle) -> None:
    with server.client() as client:
        job = new_id()
        client.submit(job, small_payload(bike, pause=3.0, frames=8), "copy", "A title [b]")
        assert next(event for event in client.follow(job) if getattr(event, "total", 0))
        status = said(server, "status")
        for words in ("protocol 2.", "running, last step", "0 waiting", "connections refused", "copy", "A title [b]"):
            assert words in status
        (worker,) = (worker for worker in client.stats().workers if worker.busy)
        assert f"│ {worker.name} │ {platform.node()} │" in status
        assert f"│ a job │ copy │ {job[:12]} │" in status
        assert f'job_id="{job[:12]}"' in said(server, "status", "--prometheus")
        assert job[:12] in said(server, "jobs")
        assert "0 of your jobs begin with 'nosuch'" in said(server, "cancel", "nosuch", code=1)
        assert said(server, "cancel", job[:6]) in (f"{job}: stopping", f"{job}: cancelled")
        list(client.follow(job))
        assert said(server, "jobs", "prune", "--older-than", "0") == "1 jobs forgotten, 0.0 MB of clips removed"
        assert job[:12] not in said(server, "jobs")


def test_a_user_without_a_name_can_ask(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert "protocol 2." in said(server, "status")
