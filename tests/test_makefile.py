"""What `make test` leaves out: nothing that skips without PyTorch is skipped by `make test-models` too."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_files_that_skip_without_pytorch_are_run_where_it_is() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    listed = re.search(r"^TORCH_TESTS := (.*)$", makefile, re.MULTILINE)
    assert listed is not None
    run = [path for pattern in listed[1].split() for path in ROOT.glob(pattern)]
    skipping = [
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"importorskip\(\s*\"torch\"", file.read_text(encoding="utf-8"))
    ]
    assert len(skipping) > 20
    assert [file for file in skipping if not any(file.is_relative_to(path) for path in run)] == []
