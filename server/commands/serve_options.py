"""What `realcam serve` is told on the command line. Their meaning is ServiceOptions'."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LAST_PORT = 65535

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(min=0, max=LAST_PORT, help="Control port; 0 takes any free one.")]
DataPortOption = Annotated[
    int | None, typer.Option(min=0, max=LAST_PORT, help="Data port; the control port + 1 if not given.")
]
DataDirOption = Annotated[Path | None, typer.Option(help="Where jobs and clips are kept.")]
EnginesOption = Annotated[
    str, typer.Option(help="module:function that returns the engines by name, for engines of your own.")
]
DieWithParentOption = Annotated[
    bool, typer.Option("--die-with-parent", help="Stop when standard input closes, which it does when the parent ends.")
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
