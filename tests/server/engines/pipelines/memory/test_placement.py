"""Memory plans on a tiny pipeline: the same frames by each, and nothing left behind whatever happens."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

from server.engines.pipelines.memory.placement import LTX2_STRIDE, placed  # noqa: E402
from server.engines.pipelines.memory.plans import GROUP_TILED, MODEL, PLANS, WHOLE, MemoryPlan  # noqa: E402

SIZE, FRAMES = (48, 32), 5
CPU = torch.device("cpu")
DEVICES = [
    CPU,
    pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]


@pytest.fixture(scope="module")
def pipe() -> Any:
    """VACE with random weights, as small as it can be, without a text encoder."""
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = diffusers.WanVACETransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=3,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
        vace_layers=[0, 2],
        vace_in_channels=96,
    )
    scheduler = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    made = diffusers.WanVACEPipeline(None, None, vae.eval(), scheduler, transformer.eval())
    made.set_progress_bar_config(disable=True)
    return made


def frames(pipe: Any, **more: Any) -> np.ndarray[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    words = torch.randn((1, 16, 32), generator=torch.Generator().manual_seed(2)).to(pipe._execution_device)
    made = pipe(
        video=np.full((1, FRAMES, SIZE[1], SIZE[0], 3), 0.25, np.float32),
        mask=np.ones((1, FRAMES, SIZE[1], SIZE[0], 1), np.float32),
        prompt_embeds=words,
        negative_prompt_embeds=-words,
        width=SIZE[0],
        height=SIZE[1],
        num_frames=FRAMES,
        num_inference_steps=2,
        generator=generator,
        **more,
    )
    found: np.ndarray[Any, Any] = made.frames[0]
    return found


def left_behind(pipe: Any) -> list[str]:
    """What of a plan is still there: hooks on modules, tensors that are not on the CPU, tiles."""
    found = []
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            found += [f"{name} has a hook" for module in part.modules() if hasattr(module, "_hf_hook")]
            registries = [module._diffusers_hook for module in part.modules() if hasattr(module, "_diffusers_hook")]
            found += [f"{name} has {hook}" for registry in registries for hook in registry.hooks]
            found += [f"{name} is on {p.device}" for p in part.parameters() if p.device != CPU]
    return [*found, *(["tiles"] if pipe.vae.use_tiling else [])]


@pytest.fixture(scope="module")
def plain(pipe: Any) -> np.ndarray[Any, Any]:
    return frames(pipe)


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("plan", PLANS.values(), ids=lambda plan: plan.name)
def test_each_plan_makes_the_frames_of_the_plain_call(
    pipe: Any, plain: np.ndarray[Any, Any], plan: MemoryPlan, device: Any
) -> None:
    """To the bit on the CPU, where frames are smaller than a tile."""
    with placed(pipe, plan, device):
        found = frames(pipe)
    assert found.shape == (FRAMES, SIZE[1], SIZE[0], 3)
    np.testing.assert_allclose(found, plain, atol=0 if device == CPU else 1e-3)
    assert left_behind(pipe) == []


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("plan", [WHOLE, MODEL, GROUP_TILED], ids=lambda plan: plan.name)
def test_a_cancel_in_the_middle_of_a_step_leaves_nothing(
    pipe: Any, plain: np.ndarray[Any, Any], plan: MemoryPlan, device: Any
) -> None:
    def cancel(*_: object) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), placed(pipe, plan, device):
        frames(pipe, callback_on_step_end=cancel)
    assert left_behind(pipe) == []
    if device != CPU:
        assert torch.cuda.memory_allocated() == 0
    np.testing.assert_array_equal(frames(pipe), plain)


class OnlyVae(diffusers.DiffusionPipeline):  # type: ignore[misc, name-defined]
    """A pipeline of nothing but a VAE."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.register_modules(vae=vae)


@pytest.fixture(scope="module")
def ltx2() -> Any:
    """SANA-WM's kind of VAE, tiny but for what it does with sizes: 32 x 32 pixels and 8 frames a latent."""
    torch.manual_seed(0)
    return diffusers.AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    ).eval()


def test_a_vae_that_decodes_all_frames_at_once_does_so_a_few_at_a_time(ltx2: Any) -> None:
    """With as many frames as before, and at 480 rows of pixels, where its own strides leave a tile of one latent."""
    pipe = OnlyVae(ltx2)
    pipe.transformer = ltx2
    latents = torch.randn((1, 4, 3, 15, 17), generator=torch.Generator().manual_seed(3))
    with torch.no_grad(), placed(pipe, GROUP_TILED, CPU):
        found = pipe.vae.decode(latents).sample
    assert found.shape == (1, 3, 17, 480, 544)
    assert left_behind(pipe) == []
    assert not pipe.vae.use_framewise_decoding


def test_it_does_so_as_it_was_trained_and_with_the_least_memory_in_16_bits(ltx2: Any) -> None:
    """In 32 bits, 96 frames at a time, every 64; what it was loaded as is there again afterwards."""
    pipe = OnlyVae(ltx2)
    pipe.transformer = torch.nn.Linear(1, 1).bfloat16()
    pipe.transformer.dtype = torch.bfloat16
    latents = torch.randn((1, 4, 14, 2, 2), generator=torch.Generator().manual_seed(3))
    recommended = copy.deepcopy(ltx2)
    recommended.enable_tiling(tile_sample_min_num_frames=96, tile_sample_stride_num_frames=64)
    recommended.use_framewise_decoding = True
    with torch.no_grad():
        wanted, at_once = recommended.decode(latents).sample, ltx2.decode(latents).sample
        with placed(pipe, WHOLE, CPU):
            found = pipe.vae.decode(latents).sample
        assert torch.equal(found, wanted)
        assert not torch.equal(found, at_once)
    with placed(pipe, GROUP_TILED, CPU):
        assert (pipe.vae.dtype, pipe.vae.tile_sample_min_num_frames) == (torch.bfloat16, 16)
    assert pipe.vae is ltx2
    assert ltx2.dtype == torch.float32


@pytest.mark.parametrize("side", [320, 480, 512, 704, 832, 1280])
def test_no_side_that_engines_offer_leaves_a_tile_of_one_latent(side: int) -> None:
    assert (side // 32) % (LTX2_STRIDE // 32) != 1
