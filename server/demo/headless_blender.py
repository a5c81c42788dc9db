"""Run headless Blender in its own process to carry out a plan, and read its reports line by line."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.headless_plan import HeadlessPlan, HeadlessReport, parse_report


def check_blender() -> None:
    """Raise ShotError when this Python has no bpy package."""
    if importlib.util.find_spec("bpy") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ShotError(
            "Headless Blender is not installed",
            f"this is Python {version}, and the bpy package is not in its environment",
            "Run `make demo`, or `uv run --group blender realcam demo` with Python 3.11 or 3.13.",
        )


def run_plan(plan: HeadlessPlan, folder: Path) -> Iterator[HeadlessReport]:
    """Run headless Blender on a plan; it is stopped when the caller stops iterating.

    Args:
        plan: what to do.
        folder: is made and gets the plan and Blender's log.

    Yields:
        Blender's reports.

    Raises:
        ShotError: the plan failed, with its own error, or Blender ended early, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan_file, log_file = folder / "plan.json", folder / "blender.log"
    try:
        plan_file.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    except UnicodeEncodeError as error:
        why = f"a name in it is no UTF-8: {error.object}"
        raise ShotError(
            "The plan cannot be written down", why, "Rename the file or folder that is called so."
        ) from error
    command = [sys.executable, "-m", "blender_addon.headless", str(plan_file)]
    with log_file.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            errors="replace",
            env=child_environment(),
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                report = parse_report(line)
                if report is None:
                    log.write(line)
                elif report.error:
                    raise ShotError(report.error)
                else:
                    yield report
            process.wait()
        finally:
            # The reader stopped listening, or the plan failed: nothing of it goes on.
            process.kill()
            process.communicate()
    if process.returncode != 0:
        tail = " | ".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
        raise ShotError("Headless Blender ended early", tail, f"Its whole log is {log_file}.")
