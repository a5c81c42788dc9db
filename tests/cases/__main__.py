"""Run every case, or those whose names begin with an argument: one line each; exit code 0 when all are right.

python -m tests.cases [blender camera_files/transforms_order ...]
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.cases.checking import INPUTS
from tests.support.servers import REPOSITORY

HERE = Path(__file__).parent
PATIENCE = 400
"""Seconds until a case has no answer."""
LINE = 260
"""Characters of a line."""


def case_names() -> list[str]:
    """group/name of each case, sorted."""
    return sorted(path.relative_to(HERE).with_suffix("").as_posix() for path in HERE.glob("*/*.py"))


def answer_of(name: str) -> str:
    """What a case's own process answers: `right: ...`, `WRONG: ...` or `no answer`."""
    module = f"{HERE.relative_to(REPOSITORY).as_posix()}/{name}".replace("/", ".")
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # With the servers and commands that it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no answer in {PATIENCE} s"
    # Not at a line's beginning: what Blender writes before it may not end with one.
    answers = re.findall(r"(?:right|WRONG): .*", output.decode("utf-8", "replace"))
    return answers[-1] if answers else f"no answer, exit {process.returncode}"


def main(wanted: list[str]) -> None:
    """Command line."""
    if not INPUTS.is_dir():
        sys.exit(f"The cases' input files are not at {INPUTS}: set REALCAM_CASES.")
    names = [name for name in case_names() if not wanted or name.startswith(tuple(wanted))]
    if not names:
        sys.exit(f"No case is called so. There are: {', '.join(case_names())}")
    wrong = 0
    for name in names:
        answer = answer_of(name)
        wrong += not answer.startswith("right: ")
        print(f"{name}: {answer}"[:LINE], flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
