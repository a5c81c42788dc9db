"""The published sampler written out once more in NumPy, against ours: any number of steps, eta, guidance, batch.

One thing differs from the published code: guidance towards camera or picture works where the prompt's is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.diffusion.ddim import Spacing, ddim_plan, ddim_timesteps  # noqa: E402
from server.diffusion.guidance import GuidanceConfig  # noqa: E402
from server.diffusion.sampler import Branch, SamplerConfig, sample  # noqa: E402
from server.diffusion.schedule import ScheduleConfig, noise_schedule  # noqa: E402
from server.diffusion.shaping import FixedLatents, SceneShaping, Threshold  # noqa: E402

EPS = ScheduleConfig()
V = ScheduleConfig(prediction="v", zero_terminal_snr=True, base_scale=0.7)
BRANCHES: tuple[Branch, ...] = ("conditional", "unconditional", "no_camera", "image_only")


@dataclass(frozen=True)
class Run:
    """Settings of one chain. shaping: timestep down to which a scene shapes; paste: frames that are put back."""

    config: ScheduleConfig
    steps: int
    spacing: Spacing
    eta: float
    guidance: GuidanceConfig
    shape: tuple[int, ...]
    shaping: int | None
    paste: int


def output(latent: Any, timestep: int, branch: Branch) -> Any:
    """A network made up for the purpose, of NumPy arrays or tensors: bounded, and different for each branch."""
    which = BRANCHES.index(branch)
    return (
        0.9 * latent / (1.0 + abs(latent)) + 0.1 * which * latent / (2.0 + abs(latent)) - timestep / 2000 * (1 + which)
    )


def restated(run: Run, draws: list[np.ndarray], scene: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Section 10 and 11 of the method, float64, one sample at a time."""
    return np.concatenate(
        [_restated(run, [d[b : b + 1] for d in draws], scene[b : b + 1], mask) for b in range(run.shape[0])]
    )


def _restated(run: Run, draws: list[np.ndarray], scene: np.ndarray, mask: np.ndarray) -> np.ndarray:
    c = run.config
    abar = np.cumprod(1 - np.linspace(c.linear_start**0.5, c.linear_end**0.5, 1000) ** 2)
    if c.zero_terminal_snr:
        root = np.sqrt(abar)
        abar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    scale = np.concatenate([np.linspace(1, c.base_scale, 400), np.full(600, c.base_scale)])
    times = ddim_timesteps(run.steps, spacing=run.spacing)
    noise = iter(draws)
    x = next(noise)
    for i in reversed(range(len(times))):
        t, before = times[i], times[max(i - 1, 0)] if i else None
        a, a_prev = abar[t], abar[before] if before is not None else abar[0]
        if run.shaping is not None and t >= run.shaping:
            x = (np.sqrt(a) * scene + np.sqrt(1 - a) * next(noise)) * mask + (1 - mask) * x
        if run.paste:
            x = x.copy()
            x[:, :, : run.paste] = np.sqrt(a) * scene[:, :, : run.paste] + np.sqrt(1 - a) * next(noise)
        m = _guided(run.guidance, x, int(t))
        if c.prediction == "v":
            e, clean = np.sqrt(a) * m + np.sqrt(1 - a) * x, np.sqrt(a) * x - np.sqrt(1 - a) * m
        else:
            e, clean = m, (x - np.sqrt(1 - a) * m) / np.sqrt(a)
        clean = clean * scale[before if before is not None else t] / scale[t]
        if run.paste:
            clean[:, :, : run.paste] = scene[:, :, : run.paste]
        sigma = run.eta * np.sqrt((1 - a_prev) / (1 - a) * (1 - a / a_prev))
        x = np.sqrt(a_prev) * clean + np.sqrt(max(0, 1 - a_prev - sigma**2)) * e + sigma * next(noise)
    if run.paste:
        x[:, :, : run.paste] = scene[:, :, : run.paste]
    return x


def _guided(g: GuidanceConfig, x: np.ndarray, t: int) -> np.ndarray:
    with_all, without_text, without_camera, image_only = (output(x, t, branch) for branch in BRANCHES)
    if g.scale == 1 and g.camera_scale == 1 and g.image_scale is None:
        return with_all
    m = without_text + g.scale * (with_all - without_text)
    if g.image_scale is not None:
        m = without_text + g.image_scale * (image_only - without_text) + g.scale * (with_all - image_only)
    if g.camera_scale != 1:
        k = 1 if g.camera_schedule == "constant" else np.cos((1 - t / 999) * np.pi / 2)
        m = m + (g.camera_scale - 1) * k * (with_all - without_camera)
    return g.rescale * m * np.std(with_all, ddof=1) / np.std(m, ddof=1) + (1 - g.rescale) * m


runs = st.builds(
    Run,
    config=st.sampled_from([EPS, V]),
    steps=st.integers(1, 40),
    spacing=st.sampled_from(["uniform_trailing", "uniform"]),
    eta=st.sampled_from([0.0, 0.3, 1.0]),
    guidance=st.builds(
        GuidanceConfig,
        scale=st.sampled_from([1.0, 2.5, 7.5]),
        image_scale=st.sampled_from([None, 0.0, 3.0]),
        rescale=st.sampled_from([0.0, 0.7]),
        camera_scale=st.sampled_from([1.0, 2.0]),
        camera_schedule=st.sampled_from(["constant", "cosine"]),
    ),
    shape=st.tuples(st.integers(1, 3), st.just(4), st.integers(3, 5), st.sampled_from([4, 6]), st.just(4)),
    shaping=st.sampled_from([None, 900, 500]),
    paste=st.integers(0, 2),
)


@examples(60)
@given(runs, st.integers(0, 2**32 - 1))
def test_any_chain(run: Run, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = rng.standard_normal(run.shape)
    mask = (rng.random((1, *run.shape[1:])) < 0.5).astype(np.float64)
    draws: list[np.ndarray] = []

    def draw(shape: tuple[int, ...]) -> torch.Tensor:
        draws.append(rng.standard_normal(shape))
        return torch.from_numpy(draws[-1])

    def denoise(latent: torch.Tensor, timestep: int, branches: Sequence[Branch]) -> list[torch.Tensor]:
        return [output(latent, timestep, branch) for branch in branches]

    constraints: list[Any] = []
    known = torch.from_numpy(scene)
    if run.shaping is not None:
        constraints.append(SceneShaping(known, torch.from_numpy(mask), Threshold(run.shaping), follow_scale=False))
    if run.paste:
        constraints.append(FixedLatents(known, tuple(range(run.paste)), follow_scale=False))
    plan = ddim_plan(noise_schedule(run.config), run.steps, run.eta, run.spacing)
    config = SamplerConfig(run.config.prediction, run.guidance, restore_scale=False)
    ours = sample(denoise, plan, config, run.shape, draw, constraints).numpy()
    expected = restated(run, draws, scene, mask)
    # Our coefficients are rounded to float32, as the published ones are.
    assert np.abs(ours - expected).max() < 2e-3 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("spacing", ["uniform_trailing", "uniform", "quad"])
def test_timesteps_for_any_count(spacing: Spacing) -> None:
    """Inside the schedule and ascending. The published ones are not, for some counts."""
    outside = 0
    for count in range(1, 1001):
        times, published = (
            ddim_timesteps(count, spacing=spacing),
            ddim_timesteps(count, spacing=spacing, published_parity=True),
        )
        assert times.min() >= 0
        assert times.max() <= 999
        assert (np.diff(times) >= (0 if spacing == "quad" else 1)).all()
        assert set(times) <= set(published)
        outside += len(times) < len(published)
        if spacing == "uniform_trailing":
            assert len(times) == count
            assert times[-1] == 999
    assert (outside > 0) == (spacing != "quad")
