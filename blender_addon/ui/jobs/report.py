"""The text of Copy Report: what a maintainer needs to know, without the artist's files."""

from __future__ import annotations

import platform

import bpy

from ...core.errors import RealCamError
from ...core.protocol.messages import PROTOCOL_VERSION
from ...core.unforeseen import latest_traceback
from ...core.version import VERSION
from ...generation.job_records import ShotTask
from ...generation.jobs import jobs
from ...generation.local_server import LocalServer
from ...generation.user_files import EXTENSION, server_log
from ..preferences import server_settings
from ..server_status import status_lines


def text() -> str:
    """The report as plain lines."""
    view, record = jobs.view, jobs.record
    lines = [
        f"RealCam report ({EXTENSION} {VERSION}, protocol {'.'.join(map(str, PROTOCOL_VERSION))})",
        f"Blender {bpy.app.version_string}, Python {platform.python_version()}, {platform.platform()}",
        f"Server: {_server()}",
        *(f"  {sentence}" for _, sentence in status_lines()),
    ]
    if view is not None:
        lines.append(f"Shot: {view.phase.value}; job {view.job_id or '(none)'}")
        lines.append(f"Error: {view.error or '(none)'}")
    if jobs.connection_error:
        lines.append(f"Connection: {jobs.connection_error}")
    if record is not None:
        settings = [record.settings.engine, f"seed {record.settings.seed}"]
        if isinstance(record.task, ShotTask):
            placement = record.task.placement
            settings.append(f"frames {placement.frame_start} to {placement.frame_end}")
        lines.append(f"Settings of the {record.task.result}: {', '.join(settings)}")
    if latest_traceback():
        lines.append("Error that nobody foresaw:\n" + latest_traceback().rstrip())
    log = LocalServer((), server_log()).log_tail(lines=40)
    lines.append("Local server's log:\n" + log.replace(" | ", "\n") if log else "Local server's log: (none)")
    return "\n".join(lines) + "\n"


def _server() -> str:
    try:
        address = str(server_settings().address)
    except RealCamError as error:
        return error.sentence
    return f"{address}, {jobs.server_software or 'not connected'}"
