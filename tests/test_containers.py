"""The container's files say what the project has. Nothing here builds an image: there is no container engine."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from server.cli import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTALLS = re.findall(r"uv sync .*", DOCKERFILE.replace("\\\n    ", ""))
SERVER: dict[str, Any] = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]["realcam"]

COMMANDS = {
    "Dockerfile": json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1]),
    "compose.yaml": SERVER["command"],
}


@pytest.mark.skipif(sys.platform != "linux", reason="the command that is asked prints a unit of systemd")
@pytest.mark.parametrize("file", COMMANDS)
def test_the_server_takes_the_options_that_it_is_started_with(file: str) -> None:
    result = CliRunner().invoke(app, [*COMMANDS[file], "--print-unit"])
    assert result.exit_code == 0, result.output
    assert "ExecStart=" in result.output


def test_the_image_is_made_of_all_that_the_wheel_needs_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], *project["project"]["license-files"]]
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert sent == {*needed, project["project"]["readme"], "pyproject.toml", "uv.lock"}
    assert lines.index("*") < lines.index("!server")


def test_keys_jobs_and_weights_outlive_the_container() -> None:
    volumes = {line.split(":")[1] for line in SERVER["volumes"]}
    assert volumes == set(json.loads(re.findall(r"^VOLUME (\[.*\])$", DOCKERFILE, re.MULTILINE)[0]))
    variables = dict(re.findall(r"(REALCAM_\w+)=(\S+)", DOCKERFILE))
    assert volumes == {*variables.values(), SERVER["command"][SERVER["command"].index("--data-dir") + 1]}


def test_what_is_compiled_for_a_card_can_be_loaded() -> None:
    """Docker mounts a tmpfs with noexec where nothing else is said."""
    options = {path: options.split(",") for path, _, options in (mount.partition(":") for mount in SERVER["tmpfs"])}
    assert SERVER["read_only"]
    assert {path for path in options if "exec" in options[path]} == {"/tmp", "/home/realcam"}


def test_every_file_that_a_container_is_given_is_there() -> None:
    services = YAML(typ="safe").load(ROOT / "compose.yaml")["services"].values()
    mounts = [mount.split(":")[0] for service in services for mount in service["volumes"]]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert len(files) >= 3
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_nothing_runs_as_root_and_everything_comes_from_the_lock() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    users = {
        stage.splitlines()[0].split(" AS ")[1]: re.findall(r"^USER (\d+)", stage, re.MULTILINE) for stage in stages
    }
    assert users["runtime"] == ["10001"]
    assert users["cpu"] == []
    assert users["cuda"] == ["0", "10001"]
    assert len(INSTALLS) == 4
    assert all("--locked --no-dev" in install for install in INSTALLS)


def test_an_image_answers_http_and_joins_a_cluster_where_it_was_built_for_that() -> None:
    """Each install asks for the same extras, which the project has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [re.findall(r"--extra (\w+)", install) for install in INSTALLS]
    cpu = ["evaluation", "gateway", "cluster"]
    assert asked == [cpu, cpu, *2 * [["evaluation", "gateway", "models", "cluster"]]]
    assert {extra for extras in asked for extra in extras} <= project["optional-dependencies"].keys()
    assert all(install.endswith("${CLUSTER:+--extra cluster}") for install in INSTALLS)
    assert DOCKERFILE.count("\nARG CLUSTER=\n") == 2
