"""Attention written out is attention, in pieces of any size."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from server.model.cpu.processor import computes_in_bfloat16  # noqa: E402
from server.model.cpu.softmax_attention import softmax_attention, written_out  # noqa: E402
from tests.support.properties import examples  # noqa: E402


def normal(*shape: int, seed: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fused(q: Any, k: Any, v: Any, mask: Any) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@examples(60)
@given(
    samples=st.integers(1, 4),
    heads=st.integers(1, 3),
    queries=st.integers(1, 9),
    keys=st.integers(1, 9),
    rows=st.integers(1, 40),
    masked=st.booleans(),
)
def test_the_fused_form(samples: int, heads: int, queries: int, keys: int, rows: int, masked: bool) -> None:
    q = normal(samples, heads, queries, 8, seed=0)
    k, v = normal(samples, heads, keys, 8, seed=1), normal(samples, heads, keys, 8, seed=2)
    mask = normal(queries, keys, seed=3) > 0 if masked else None
    if mask is not None:
        mask[:, 0] = True
    assert torch.allclose(written_out(q, k, v, mask, rows), fused(q, k, v, mask), atol=1e-6)


@pytest.mark.skipif(not computes_in_bfloat16(), reason="this processor does not compute in bfloat16")
@pytest.mark.parametrize(("queries", "keys"), [(256, 256), (32, 1100), (1024, 77), (16, 60_000)])
def test_bfloat16_rounds_a_little_more(queries: int, keys: int) -> None:
    """Logits are rounded too: twice the fused form's error, which is half of one part in 256."""
    q, k, v = (normal(2, 5, n, 64, seed=n + i) for i, n in enumerate((queries, keys, keys)))
    exact = fused(q, k, v, None)
    rough = softmax_attention(q.bfloat16(), k.bfloat16(), v.bfloat16()).float()
    assert (rough - exact).norm() < 0.01 * exact.norm()
