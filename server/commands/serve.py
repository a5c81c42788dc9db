"""`realcam serve`."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST, bare_host
from server.cluster.executor import cluster_executor
from server.cluster.security import TLS_FILES
from server.commands.friendly_errors import friendly_errors
from server.service.jobs.retention import DAY, Retention
from server.service.logs import LogFormat, set_up_logs
from server.service.options import ServiceOptions
from server.service.service import NewExecutor
from server.service.serving import default_data_dir, run_until_stopped
from server.service.systemd_unit import systemd_unit
from server.service.workers.worker_plan import AUTO
from server.terminal.plain_console import say

LAST_PORT = 65535
RAY_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USE_TLS", *TLS_FILES)
"""By which a server joins a cluster; not RAY_AUTH_TOKEN, as everybody may read a unit."""
UNIT_ENVIRONMENT = (
    "REALCAM_CONFIG_DIR",
    "REALCAM_WEIGHTS",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "CUDA_VISIBLE_DEVICES",
    *RAY_VARIABLES,
)
"""Variables that the systemd unit takes over from the terminal that prints it."""

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(min=0, max=LAST_PORT, help="Control port; 0 takes any free one.")]
DataPortOption = Annotated[
    int | None, typer.Option(min=0, max=LAST_PORT, help="Data port; the control port + 1 if not given.")
]
DataDirOption = Annotated[Path | None, typer.Option(help="Where jobs and clips are kept.")]
EnginesOption = Annotated[
    str, typer.Option(help="module:function that returns the engines by name, for engines of your own.")
]
WorkersOption = Annotated[
    str,
    typer.Option(
        help="Its workers, with commas between them: light (needs no card), heavy (networks on the processor), any, "
        "card0, or card0+1 for one with two cards. By itself: light and one for each card; without a card, light and "
        "heavy, which starts with its first job."
    ),
]
IdleReleaseOption = Annotated[
    float,
    typer.Option(min=0, help="Seconds until an idle worker gives back the memory of its engines; 0 for never."),
]
DieWithParentOption = Annotated[
    bool, typer.Option("--die-with-parent", help="Stop when standard input closes, which it does when the parent ends.")
]
ReadyFileOption = Annotated[
    Path | None,
    typer.Option(
        help="Write address, ports, public key, process id and boot id here, as JSON, once connections are accepted; "
        "removed when the server ends."
    ),
]
CancelGraceOption = Annotated[float, typer.Option(help="Seconds until an engine that heeds no cancel is ended.")]
StepTimeoutOption = Annotated[float, typer.Option(help="Longest time between two steps of an engine, seconds.")]
StopGraceOption = Annotated[float, typer.Option(help="Seconds a running job is given when the server stops.")]
EngineRestOption = Annotated[
    float, typer.Option(help="Seconds until an engine that failed three jobs in a row is tried again.")
]
KeepFreeOption = Annotated[int, typer.Option(help="Megabytes of the disk that no job may have.")]
KeepDaysOption = Annotated[float, typer.Option(help="Days until a clip that nobody fetched is forgotten.")]
KeepFetchedDaysOption = Annotated[float, typer.Option(help="Days until a job whose clip was fetched goes.")]
KeepGigabytesOption = Annotated[float, typer.Option(help="Clips beyond this go, oldest first, if they were fetched.")]
LogFormatOption = Annotated[str, typer.Option(help="text, or json: one object a line, with the job's id.")]
MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=LAST_PORT,
        help="Tell Prometheus figures at http://127.0.0.1:PORT/metrics, to whoever asks on this machine.",
    ),
]
PrintUnitOption = Annotated[
    bool,
    typer.Option("--print-unit", help="Start nothing: print a systemd unit that runs the server with these options."),
]
ClusterOption = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT|local",
        help="Run jobs on the nodes of the Ray cluster whose head is there; local: one of this machine alone. "
        "Needs the extra `cluster`.",
    ),
]
PrivateOption = Annotated[
    bool,
    typer.Option(
        "--network-is-private",
        help="Join a Ray cluster that asks for no token: whoever reaches any of its ports runs code on all its nodes.",
    ),
]
CardsPerWorkerOption = Annotated[
    int,
    typer.Option(
        min=1, help="Cards that each worker of a cluster's nodes has, for engines that use several for one clip."
    ),
]


def serve(
    context: typer.Context,
    host: HostOption = DEFAULT_HOST,
    port: PortOption = DEFAULT_CONTROL_PORT,
    data_port: DataPortOption = None,
    data_dir: DataDirOption = None,
    engines: EnginesOption = "server.engines.registry:served",
    workers: WorkersOption = AUTO,
    die_with_parent: DieWithParentOption = False,
    ready_file: ReadyFileOption = None,
    cancel_grace: CancelGraceOption = 10.0,
    step_timeout: StepTimeoutOption = 1800.0,
    idle_release: IdleReleaseOption = 600.0,
    engine_rest: EngineRestOption = 600.0,
    keep_free: KeepFreeOption = 64,
    keep_days: KeepDaysOption = 30.0,
    keep_fetched_days: KeepFetchedDaysOption = 7.0,
    keep_gigabytes: KeepGigabytesOption = 50.0,
    log_format: LogFormatOption = "text",
    metrics_port: MetricsPortOption = None,
    stop_grace: StopGraceOption = 5.0,
    print_unit: PrintUnitOption = False,
    cluster: ClusterOption = "",
    network_is_private: PrivateOption = False,
    cards_per_worker: CardsPerWorkerOption = 1,
) -> None:
    """Run a server: it takes shots, makes clips and keeps them until they are fetched."""
    if log_format not in ("text", "json"):
        raise typer.BadParameter(f"{log_format!r}: expected text or json", param_hint="--log-format")
    if print_unit:
        with friendly_errors():
            say(_unit(context, stop_grace), nl=False)
        return
    logs: LogFormat = "json" if log_format == "json" else "text"
    set_up_logs(logs)
    options = ServiceOptions(
        data_dir=data_dir or default_data_dir(),
        host=bare_host(host),
        control_port=port,
        data_port=data_port if data_port is not None else (port + 1 if port else 0),
        engines=engines,
        workers=workers,
        cancel_grace=cancel_grace,
        step_timeout=step_timeout,
        idle_release=idle_release,
        engine_rest=engine_rest,
        stop_grace=stop_grace,
        keep_free=keep_free * 1_000_000,
        retention=Retention(
            fetched=keep_fetched_days * DAY, unfetched=keep_days * DAY, results_bytes=int(keep_gigabytes * 1e9)
        ),
        log_format=logs,
    )
    with friendly_errors():
        run_until_stopped(
            options,
            die_with_parent=die_with_parent,
            ready_file=ready_file,
            metrics_port=metrics_port,
            new_executor=_on_cluster(cluster, workers, cards_per_worker, network_is_private=network_is_private),
        )


def _on_cluster(cluster: str, workers: str, cards_per_worker: int, *, network_is_private: bool) -> NewExecutor | None:
    """What makes the workers of a cluster's nodes; None for those of this machine.

    Raises:
        BadParameter: the options do not go together.
        ServiceError: see cluster_executor.
    """
    if not cluster:
        if cards_per_worker == 1:
            return None
        together = "+".join(map(str, range(cards_per_worker)))
        raise typer.BadParameter(
            f"this machine's workers are named: --workers light,card{together}", param_hint="--cards-per-worker"
        )
    if workers != AUTO:
        raise typer.BadParameter("a cluster's nodes have workers of their own", param_hint="--workers")
    return cluster_executor(cluster, network_is_private=network_is_private, cards_per_worker=cards_per_worker)


def _unit(context: typer.Context, stop_grace: float) -> str:
    """The systemd unit for the options that were typed.

    Raises:
        ServiceError: there is no systemd, or the options do not go with it.
    """
    if sys.platform != "linux":
        raise ServiceError("No unit is printed", "systemd is Linux's", "Have your system's own means run the server.")
    typed = _typed(context)
    if "--die-with-parent" in typed:
        raise ServiceError(
            "No unit is printed", "systemd gives a server no input to stop with", "Leave out --die-with-parent."
        )
    program = Path(sys.executable).with_name("realcam")
    command = [str(program)] if program.is_file() else [sys.executable, "-m", "server"]
    environment = {name: os.environ[name] for name in UNIT_ENVIRONMENT if name in os.environ}
    return systemd_unit([*command, "serve", *typed], getpass.getuser(), environment, stop_grace)


def _typed(context: typer.Context) -> list[str]:
    """The options of this call as typed, paths made absolute, without --print-unit."""
    words = list[str]()
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        source = context.get_parameter_source(name)
        if name == "print_unit" or source is None or source.name != "COMMANDLINE":
            continue
        words.append(parameter.opts[0])
        if value is not True:
            words.append(str(value.absolute() if isinstance(value, Path) else value))
    return words
