"""What the server in use says of itself, in lines for the preferences and for reports."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import bpy

from ..core.protocol.capability import EngineCapability
from ..disk_looks import looks
from ..generation.jobs import jobs
from ..generation.user_files import server_log


def status_lines() -> list[tuple[str, str]]:
    """(icon, sentence) of each thing that decides whether a clip can be made now, as far as is known."""
    lines = [_answer()]
    if jobs.connected:
        lines += [_capability_line(engine) for engine in jobs.engines]
        lines += [_group_line("Estimate Depth", jobs.predictors), _group_line("Check Camera", jobs.checkers)]
        here = [one.label for one in jobs.predictors if one.facts is not None and one.facts.downloaded]
        lines += [("CHECKMARK", f"Weights on the server: {', '.join(here)}")] if here else []
    folder = server_log().parent
    if (free := looks.answer(("free", folder), lambda: _free_bytes(folder), None)) is not None:
        lines.append(("DISK_DRIVE", f"{free / 1e9:.1f} GB free for clips on this disk"))
    lines.append(("TIME", time.strftime("Clock of this computer: %Y-%m-%d %H:%M %z")))
    access = "on" if bpy.app.online_access else "off: only servers on this computer can be used"
    lines.append(("INTERNET", f"Blender's online access is {access}"))
    return lines


def _free_bytes(folder: Path) -> int | None:
    """Bytes that are free on a folder's disk; None when it is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _answer() -> tuple[str, str]:
    if jobs.starting is not None:
        return "TIME", f"The server on this computer is starting. {jobs.starting}".rstrip()
    if jobs.connection_error:
        return "ERROR", jobs.connection_error
    if jobs.connected:
        return "CHECKMARK", f"{jobs.server_software} answers"
    return "QUESTION", "No server was asked yet: press Test"


def _capability_line(engine: EngineCapability) -> tuple[str, str]:
    if engine.unavailable:
        return "CANCEL", f"{engine.label}: {engine.unavailable}"
    return "INFO" if engine.notice else "CHECKMARK", f"{engine.label}: {engine.state}"


def _group_line(what: str, engines: tuple[EngineCapability, ...]) -> tuple[str, str]:
    """One line for engines that are all there or all missing for the same reason."""
    ready = [engine for engine in engines if not engine.unavailable]
    if ready:
        return "CHECKMARK", f"{what}: {len(ready)} of {len(engines)} ready"
    return "CANCEL", f"{what}: {engines[0].unavailable if engines else 'this server does not offer it'}"
