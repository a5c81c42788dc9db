"""Options of torch.compile for one function that is compiled for many forms, on any PyTorch from 2.9 on.

A form is a set of sizes, types and weights that code is compiled for. Dynamo keeps what it compiled with the function's
code, and after 8 forms of one code it compiles no more: fullgraph makes that an error, else the ninth form runs
uncompiled. All residual blocks of the UNet are one code to it, all spatial transformers one, and FlexAttention for all
sizes one.

Where torch.compile has `isolate_recompiles` (2.13 has), each call of it counts for itself, and only the limit of all
forms together is in the way. Older ones keep all forms in one list and tell them apart by guards: there the limit for
one code is raised as well, and forms that differ in nothing but their weights share their code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

FORMS = 2**16
"""Forms of one code: sizes times frame counts times precisions times blocks. Dynamo's own limits are 8 and 256."""


def isolation(compiler: Callable[..., Any]) -> dict[str, bool]:
    """The options by which this torch.compile keeps its forms apart from other calls'; empty if it has none."""
    known = "isolate_recompiles" in inspect.signature(compiler).parameters
    return {"isolate_recompiles": True} if known else {}


def many_forms() -> dict[str, bool]:
    """The options for torch.compile, or Module.compile, for one form of many; sets Dynamo's limits to FORMS.

    Call it in the thread that will run what is compiled: newer PyTorch has these limits for each thread.
    """
    options = isolation(torch.compile)
    torch._dynamo.config.accumulated_recompile_limit = FORMS
    if not options:
        torch._dynamo.config.recompile_limit = FORMS
    return options
