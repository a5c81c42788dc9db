"""Everything about a server that can be chosen when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from blender_addon.core.protocol.keys import config_dir
from blender_addon.core.protocol.messages import Limits
from blender_addon.core.protocol.server_address import DEFAULT_CONTROL_PORT, DEFAULT_HOST

from .jobs.retention import Retention
from .logs import LogFormat


@dataclass(frozen=True)
class ServiceOptions:
    """How a server runs. Times are in seconds.

    Attributes:
        data_dir: jobs and their files.
        config_dir: keys and the list of allowed clients.
        host: address to listen on.
        control_port: port of the control socket; 0 takes any free one.
        data_port: port of the data socket; 0 takes any free one.
        engines: `module:function` that returns the engines, called in the worker.
        workers: which workers there are, see `workers/worker_plan.py`.
        limits: sizes and counts that clients must keep to.
        worker_start_timeout: time for a worker to import its engines; then it is killed.
        retention: how long jobs are kept.
        log_format: lines for a person or JSON for a collector.
    """

    data_dir: Path
    config_dir: Path = field(default_factory=config_dir)
    host: str = DEFAULT_HOST
    control_port: int = DEFAULT_CONTROL_PORT
    data_port: int = DEFAULT_CONTROL_PORT + 1
    engines: str = "server.engines.registry:served"
    workers: str = "auto"
    limits: Limits = field(default_factory=Limits)
    worker_start_timeout: float = 120.0
    heartbeat_timeout: float = 60.0
    """Longest silence of the worker process, whatever its engine does."""
    step_timeout: float = 1800.0
    """Longest time between two steps of an engine; the first one may load weights."""
    cancel_grace: float = 10.0
    """After this an engine that does not stop is killed."""
    stop_grace: float = 5.0
    """A graceful stop gives the running job this long to finish; then it is queued for the next start."""
    idle_release: float = 600.0
    """A worker that has been idle for so long gives back the memory that its engines hold; 0 for never."""
    engine_rest: float = 600.0
    """A suspended engine is tried again after this."""
    keep_free: int = 64 * 1024 * 1024
    """Bytes of the disk that no job may take."""
    retention: Retention = field(default_factory=Retention)
    log_format: LogFormat = "text"
