"""torch.compile as PyTorch 2.9 has it: with no option that keeps one call's forms apart from another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

newest = torch.compile


def older_compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    return newest(
        model, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
    )
