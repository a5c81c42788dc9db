"""From picture, prompt and camera to conditions, and from those to pictures, against the published model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")

from server.diffusion.ddim import ddim_plan  # noqa: E402
from server.diffusion.guidance import GuidanceConfig  # noqa: E402
from server.diffusion.sampler import SamplerConfig, SeededNoise, sample  # noqa: E402
from server.diffusion.schedule import noise_schedule  # noqa: E402
from server.diffusion.shaping import SceneShaping, Threshold  # noqa: E402
from server.geometry.relative_poses import PUBLISHED, relative_poses  # noqa: E402
from server.model.model import RealCamModel, assemble, build_parts  # noqa: E402
from server.model.sampling import scene_mask  # noqa: E402
from server.model.sampling.camera_condition import camera_condition  # noqa: E402
from server.model.sampling.conditions import BoundDenoiser, bind, concat_latents, context_tokens, fps_value  # noqa: E402
from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, sample_shot, shot_plan  # noqa: E402
from server.model.tokenizer import ByteTokenizer, Tokens  # noqa: E402
from server.model.vae import VideoVae, build_vae  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.reduced_model import TINY_256, TINY_512, load_part  # noqa: E402


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def kit_model(kit: ParityKit, variant: int) -> RealCamModel:
    config = TINY_512 if variant == 512 else TINY_256
    parts: dict[str, Any] = build_parts(config)
    for name, part in parts.items():
        load_part(part, name, config, kit)  # type: ignore[arg-type]
    return assemble(config, parts, ByteTokenizer(config.clip.vocabulary), "kit")


def four_frames(image: Any) -> Any:
    return image[:, :, None].expand(-1, -1, 4, -1, -1).clone()


@pytest.mark.parametrize(
    ("case", "variant", "reference", "second_picture", "style"),
    [
        ("basic_cond0", 256, 0, False, "repeat"),
        ("ref_img2_cond0", 256, 0, True, "repeat"),
        ("ref_img2_cond3", 256, 3, True, "repeat"),
        ("interp_mode", 256, 0, True, "ends"),
        ("basic_512", 512, 0, False, "repeat"),
    ],
)
def test_conditions(kit: ParityKit, case: str, variant: int, reference: int, second_picture: bool, style: Any) -> None:
    g, model = kit.tensors("conditioning"), kit_model(kit, variant)
    clip = four_frames(g["image"])
    if second_picture:
        clip[:, :, -1] = g["image2"]
    latents = model.vae.encode(clip, lambda _: g[f"{case}.noise.0_posterior"])
    cases = {
        "z": latents,
        "c_concat": concat_latents(latents, reference, style),
        "c_crossattn": context_tokens(model, g["text_ids.prompt"], clip[:, :, reference]),
        "fs": torch.tensor([float(fps_value(model.config, 2))]),
        "reconst_sub": model.vae.decode(latents)[..., ::8, ::8],
    }
    for name, ours in cases.items():
        kit.check("conditioning", f"{case}.{name}", ours)


@pytest.mark.parametrize(("case", "variant"), [("e2e_256", 256), ("e2e_512_shaping900", 512)])
def test_a_whole_clip(kit: ParityKit, case: str, variant: int) -> None:
    """The demo's settings: five steps, guidance 5.5, translations halved, stride 2, a negative prompt."""
    g, model = kit.tensors("conditioning"), kit_model(kit, variant)
    draws = iter([g[n] for n in sorted(g) if n.startswith(f"{case}.noise.")])
    clip = four_frames(g["image"])
    latents = model.vae.encode(clip, lambda _: next(draws))
    poses = relative_poses(torch.linalg.inv(g["w2c"]), torch.tensor([0]), 0.5)
    noise = next(draws)[..., 0]
    camera = camera_condition(model.pose_encoder, model.config.unet, poses, g["K"], (128, 128), PUBLISHED, noise)
    constraints = []
    if f"{case}.preview_rgb_half" in g:
        preview = np.kron(g[f"{case}.preview_rgb_half"].numpy(), np.ones((1, 2, 2, 1), np.uint8))
        scene = model.vae.encode(scene_mask.to_clip(preview), lambda _: next(draws))
        scene[:, :, 0] = latents[:, :, 0]
        mask = scene_mask.latent_mask(scene_mask.not_black(preview))
        constraints.append(SceneShaping(scene, mask, Threshold(900), follow_scale=False))
    conditions = bind(
        model,
        concat_latents(latents, 0),
        context_tokens(model, g["text_ids.prompt"], clip[:, :, 0]),
        context_tokens(model, g["text_ids.negative"], torch.zeros_like(clip[:, :, 0])),
        camera,
        fps_value(model.config, 2),
    )
    schedule = model.config.schedule
    sampler = SamplerConfig(schedule.prediction, GuidanceConfig(scale=5.5, rescale=0.7), restore_scale=False)
    plan = ddim_plan(noise_schedule(schedule), 5, 1.0)
    result = sample(
        BoundDenoiser(model.unet, conditions), plan, sampler, tuple(latents.shape), lambda _: next(draws), constraints
    )
    ours = model.vae.decode(result)[..., ::4, ::4]
    kit.check("conditioning", f"{case}.samples", ours)
    assert next(draws, None) is None


class RecordedNoise(SeededNoise):
    """The published run's own draws, in their order."""

    def __init__(self, draws: list[Any]) -> None:
        super().__init__(0)
        self.left = list(draws)

    def __call__(self, shape: tuple[int, ...]) -> Any:
        noise = self.left.pop(0)
        assert tuple(noise.shape) == shape
        return noise


@pytest.mark.parametrize(("case", "variant"), [("e2e_256", 256), ("e2e_512_shaping900", 512)])
def test_a_whole_clip_as_the_engine_makes_it(kit: ParityKit, case: str, variant: int) -> None:
    """The engine's own sampling at published parity ends in the demo's frames: to a level, which both cut off."""
    g, model = kit.tensors("conditioning"), kit_model(kit, variant)
    golden = (g[f"{case}.samples"][0].clamp(-1, 1) + 1) / 2 * 255
    words = {"": g["text_ids.negative"], "words": g["text_ids.prompt"]}
    model = replace(model, tokenizer=lambda text: Tokens(words[text], ""))
    preview = None
    if f"{case}.preview_rgb_half" in g:
        rgb = np.kron(g[f"{case}.preview_rgb_half"].numpy(), np.ones((1, 2, 2, 1), np.uint8))
        preview = np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
    poses = relative_poses(torch.linalg.inv(g["w2c"].double()), torch.tensor([0]), 0.5)
    inputs = ShotInputs(poses[0].numpy(), g["K"][0].double().numpy(), g["image"], 0, preview)
    options = SamplingOptions(prompt="words", steps=5, fps=fps_value(model.config, 2), published_parity=True)
    noise = RecordedNoise([g[n] for n in sorted(g) if n.startswith(f"{case}.noise.")])
    frames = sample_shot(model, inputs, options, noise, Hooks())
    assert noise.left == []
    ours = torch.from_numpy(frames[:, ::4, ::4].copy()).permute(3, 0, 1, 2)
    assert (ours - golden).abs().max() < 2.5
    assert (ours - golden).abs().mean() < 0.7


def test_frame_rate_of_a_stride(kit: ParityKit) -> None:
    """The 512 weights are told the rate that a stride of 2 leaves of the footage's 29.97."""
    for name in (n for n in kit.names("preprocess") if n.endswith(".fps")):
        kit.check("preprocess", name, [fps_value(TINY_512, frame_stride=2)])


def test_batched_branches_are_the_same(kit: ParityKit) -> None:
    g, model = kit.tensors("conditioning"), kit_model(kit, 512)
    latents = model.vae.encode(four_frames(g["image"]), lambda _: g["basic_512.noise.0_posterior"])
    poses = relative_poses(torch.linalg.inv(g["w2c"]), torch.tensor([0]))
    camera = camera_condition(model.pose_encoder, model.config.unet, poses.double(), g["K"], (128, 128))
    texts = [context_tokens(model, g[f"text_ids.{n}"], g["image"]) for n in ("prompt", "negative")]
    conditions = bind(model, concat_latents(latents, 0), *texts, camera, 14)
    branches: Any = ("conditional", "unconditional", "no_camera")
    separate = BoundDenoiser(model.unet, conditions)(latents, 500, branches)
    together = BoundDenoiser(model.unet, conditions, batched=True)(latents, 500, branches)
    for ours, theirs in zip(separate, together, strict=True):
        assert torch.allclose(ours, theirs, atol=5e-5)
    assert (separate[0] - separate[2]).abs().max() > 1e-3, "the camera matters"


def test_scene_latents(kit: ParityKit) -> None:
    g = kit.tensors("scene_mask")
    vae = VideoVae(load_part(build_vae(TINY_256.vae), "vae", TINY_256, kit), TINY_256.vae)
    scene = vae.encode(scene_mask.to_clip(g["preview_rgb"].numpy()), lambda _: g["scene_encode_noise"])
    scene[:, :, 0] = g["z"][:, :, 0]
    kit.check("scene_mask", "scene_frames", scene)


@pytest.mark.parametrize("published_parity", [True, False])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_schedule_is_rounded_as_the_demo_rounds_it(kit: ParityKit, published_parity: bool, dtype: Any) -> None:
    """As published and in float16, and in nothing else."""
    plan = shot_plan(TINY_256, dtype, SamplingOptions(steps=25, published_parity=published_parity))
    if published_parity and dtype == torch.float16:
        kit.check("schedule", "eps256.demo_fp16_buffers.ddim25.eta1.ddim_alphas", plan.alphas)
    else:
        assert plan.alphas.tolist() == ddim_plan(noise_schedule(TINY_256.schedule), 25, 1.0).alphas.tolist()
