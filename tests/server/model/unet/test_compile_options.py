"""More forms of one code are compiled than Dynamo's limits let pass, with and without `isolate_recompiles`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.model.config import TINY  # noqa: E402
from server.model.model import random_model  # noqa: E402
from server.model.sampling.compiled import compile_blocks, compiled_blocks  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.unet.compile_options import FORMS, isolation, many_forms  # noqa: E402
from tests.server.model.sampling.test_compiled import denoised  # noqa: E402
from tests.support.model.older_compile import older_compile  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
"""PyTorch's own, when its compiler is imported."""

LIMITS = {"recompile_limit": 4, "accumulated_recompile_limit": 8}
"""Dynamo's own are 8 and 256: lower, they are met within seconds."""
FEW_BLOCKS = replace(TINY, unet=replace(TINY.unet, blocks=1))


@pytest.fixture(params=[torch.compile, older_compile], ids=["this torch.compile", "an older one"])
def counters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Dynamo's, with nothing compiled yet and such limits. It traces, and makes no code: that takes long."""
    monkeypatch.setattr(torch, "compile", partial(request.param, backend="eager"))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with torch._dynamo.config.patch(LIMITS):
        yield torch._dynamo.utils.counters


def test_forms_are_kept_apart_where_that_can_be_asked() -> None:
    def newer_compile(model: Any = None, *, dynamic: bool | None = None, isolate_recompiles: bool = False) -> None:
        """Some of what it takes."""

    assert isolation(newer_compile) == {"isolate_recompiles": True}
    assert isolation(older_compile) == {}


@pytest.mark.usefixtures("counters")
def test_a_limit_is_raised_only_where_it_counts_all_forms() -> None:
    alone = bool(many_forms())
    assert torch._dynamo.config.accumulated_recompile_limit == FORMS
    assert torch._dynamo.config.recompile_limit == (LIMITS["recompile_limit"] if alone else FORMS)


def test_one_function_for_many_forms(counters: Any) -> None:
    def twice(x: Any) -> Any:
        return x + x

    count = LIMITS["accumulated_recompile_limit"] + 2
    for size in range(2, 2 + count):
        compiled = torch.compile(twice, dynamic=False, fullgraph=True, **many_forms())
        assert compiled(torch.ones(size)).sum() == 2 * size
    assert counters["stats"]["unique_graphs"] == count


def test_every_block_is_compiled(counters: Any) -> None:
    """One class's blocks, which are one code, have more forms than Dynamo's limit for one."""
    unet = random_model(FEW_BLOCKS, ByteTokenizer(TINY.clip.vocabulary)).unet
    plain = denoised(unet)
    compile_blocks(unet, torch.device("cpu"))
    counters.clear()
    assert torch.allclose(denoised(unet), plain, atol=1e-4, rtol=1e-4)
    assert counters["frames"]["ok"] == counters["frames"]["total"] == counters["stats"]["unique_graphs"]
    assert len(compiled_blocks(unet)) >= counters["frames"]["ok"] > LIMITS["recompile_limit"]
