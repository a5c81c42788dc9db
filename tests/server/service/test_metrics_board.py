"""The Grafana board and the alerts read figures that the server tells, by the labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from blender_addon.core.protocol.messages import ServerStats
from blender_addon.core.protocol.worker_stats import WorkerStats
from server.service.metrics import metrics_text

ROOT = Path(__file__).parents[3]
BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "board.json").read_text(encoding="utf-8"))
STATS = ServerStats(
    uptime=60.0,
    loop_lag=0.01,
    memory=80_000_000,
    worker_memory=90_000_000,
    worker_ready=True,
    running=True,
    step_age=1.0,
    queued=2,
    jobs={"done": 3},
    sessions=1,
    refused_connections=0,
    disk_free=10**11,
    disk_promised=10**9,
    suspended_engines={"realcam": "it failed"},
    workers=(
        WorkerStats(
            name="card0",
            node="host",
            kind="card",
            cards=("0",),
            state="ready",
            engine="vace",
            memory=10**9,
            busy=True,
            job_id="0123456789abcdef",
            step_age=1.5,
        ),
        WorkerStats(name="light", node="host", kind="light", state="asleep", draining=True),
    ),
)
OF_ALL_WORKERS = {"realcam_worker_ready", "realcam_job_running"}
"""Figures from when a server had one worker; the board has those of each worker instead."""
OF_PROMETHEUS = {"up": {"job"}}
"""Figures that Prometheus has itself, and their labels."""


def figures() -> dict[str, set[str]]:
    """Figure -> its labels, of a server in which everything has a value, as Prometheus stores it."""
    families = text_string_to_metric_families(metrics_text(STATS))
    told = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    return {name: labels | {"instance"} for name, labels in {**OF_PROMETHEUS, **told}.items()}


def test_each_worker_is_told_by_name() -> None:
    families = text_string_to_metric_families(metrics_text(STATS))
    samples = [sample for family in families for sample in family.samples if "worker" in sample.labels]
    values = {
        (sample.name.removeprefix("realcam_worker_"), sample.labels["worker"]): sample.value for sample in samples
    }
    assert values == {
        ("info", "card0"): 1.0,
        ("info", "light"): 1.0,
        ("busy", "card0"): 1.0,
        ("busy", "light"): 0.0,
        ("draining", "card0"): 0.0,
        ("draining", "light"): 1.0,
        ("resident_bytes", "card0"): 1e9,
        ("resident_bytes", "light"): 0.0,
        ("step_age_seconds", "card0"): 1.5,
    }
    # Prometheus has labels of its own: it would rename one of ours that is called so.
    assert all({"job", "instance"}.isdisjoint(sample.labels) for sample in samples)
    (card, light) = [sample.labels for sample in samples if sample.name == "realcam_worker_info"]
    assert (card["node"], card["card"], card["doing"], card["job_id"]) == ("host", "0", "a job", "0123456789ab")
    assert light["doing"] == "drained"


def targets() -> Iterator[tuple[str, str]]:
    """Each query of the board with its legend."""
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"], target["legendFormat"]


def test_every_figure_on_the_board_exists() -> None:
    told = figures()
    read = {name for expression, _ in targets() for name in re.findall(r"\b(?:realcam_\w+|up)\b(?={)", expression)}
    assert len(read) > 10
    assert read <= set(told)
    assert {name for expression, _ in targets() for name in re.findall(r"realcam_\w+", expression)} <= set(told)


def test_every_figure_that_the_server_tells_is_on_the_board() -> None:
    shown = " ".join(expression for expression, _ in targets())
    assert {name for name in figures() if f"{name}{{" not in shown} == OF_ALL_WORKERS


def test_alerts_read_figures_that_exist_and_lead_to_their_symptom() -> None:
    (group,) = YAML(typ="safe").load(ROOT / "deploy" / "alerts.yml")["groups"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    symptoms = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for rule in group["rules"]:
        names = re.findall(r"\b(?:realcam_\w+|up)\b", rule["expr"])
        labels = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert names, rule["alert"]
        assert set(names) <= set(figures()), rule["alert"]
        assert set(labels) <= set.union(*(figures()[name] for name in names)), rule["alert"]
        assert rule["annotations"]["runbook"].removeprefix("docs/operations.md#") in symptoms, rule["alert"]


def test_labels_on_the_board_exist() -> None:
    for expression, legend in targets():
        (labels, *others) = [figures()[name] for name in re.findall(r"(\w+)(?={)", expression)]
        labels = labels.union(*others)
        used = re.findall(r"[{,](\w+)=", expression) + re.findall(r"{{(\w+)}}", legend)
        used += [name for group in re.findall(r"by \(([\w, ]+)\)", expression) for name in group.split(", ")]
        assert set(used) <= labels, expression


def test_prometheus_asks_where_the_container_answers() -> None:
    compose = YAML(typ="safe").load(ROOT / "compose.yaml")
    (job,) = YAML(typ="safe").load(ROOT / "deploy" / "prometheus.yml")["scrape_configs"]
    command = compose["services"]["realcam"]["command"]
    assert job["static_configs"][0]["targets"] == [f"127.0.0.1:{command[command.index('--metrics-port') + 1]}"]
    assert f'job="{job["job_name"]}"' in next(targets())[0]
    source = YAML(typ="safe").load(ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yml")
    assert source["datasources"][0]["uid"] == BOARD["templating"]["list"][0]["current"]["value"]
