"""Carries out one plan file; reports go to standard output, one a line."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from ..core.errors import RealCamError
from ..core.payloads.headless_plan import HeadlessPlan, HeadlessReport, report_line
from ..core.unforeseen import in_words


def main(plan_file: str) -> int:
    """The exit code: 0 when the plan was carried out, 1 when it ended in an error that the last report says.

    Args:
        plan_file: A HeadlessPlan as JSON.
    """
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=HeadlessPlan)
    from .run_plan import run_plan

    def say(report: HeadlessReport) -> None:
        print(report_line(report), flush=True)

    try:
        with in_words("The plan stopped"):
            run_plan(plan, say)
    except RealCamError as error:
        say(HeadlessReport(stage="", error=error.sentence))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
