"""The sampling loop against the published one: with the network's recorded outputs, then with the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.diffusion.ddim import DdimPlan, ddim_plan  # noqa: E402
from server.diffusion.guidance import GuidanceConfig  # noqa: E402
from server.diffusion.sampler import Branch, SamplerConfig, sample  # noqa: E402
from server.diffusion.schedule import noise_schedule  # noqa: E402
from server.diffusion.shaping import FixedLatents, SceneShaping, Threshold  # noqa: E402
from server.model.unet.attention_plan import DensePlan  # noqa: E402
from server.model.unet.transformers import LevelCamera  # noqa: E402
from server.model.unet.unet import Camera, UNet, split_context  # noqa: E402
from tests.server.published.parity import ParityKit, unpack_mask  # noqa: E402
from tests.support.model.reduced_model import TINY_256, TINY_512, load_part  # noqa: E402

RUNS = (
    "eps_camera_eta1",
    "eps_nocamera_eta0",
    "v_camera_eta1",
    "v_nocamera_eta0",
    "eps_camera_shaping600",
    "v_camera_shaping600",
    "eps_cameracfg2_cosine",
    "eps_cameracfg2_constant",
    "eps_cfg1_camera",
    "eps_paste_cond_frame",
    "eps_paste_overlap2",
)
RECORDED = ("eps_camera_eta1", "v_camera_eta1", "v_camera_shaping600")


class Run:
    """One run of the kit: its settings, its draws and what it ended in."""

    def __init__(self, kit: ParityKit, name: str) -> None:
        self.kit, self.name, self.golden = kit, name, kit.tensors("sampler")
        if name not in {n.split(".")[0] for n in kit.index["sampler"]}:
            pytest.skip(f"the run {name} is in the parity kit alone; set REALCAM_PARITY_KIT")
        self.settings: dict[str, Any] = kit.index["sampler"][f"{name}.x0"]["settings"]
        self.config = TINY_256 if name.startswith("eps") else TINY_512
        s = self.settings
        self.guidance = GuidanceConfig(
            scale=s["cfg"],
            rescale=s["guidance_rescale"],
            camera_scale=s.get("camera_cfg", 1.0),
            camera_schedule=s.get("camera_cfg_scheduler", "constant"),
        )
        self.plan: DdimPlan = ddim_plan(noise_schedule(self.config.schedule), s["steps"], s["eta"], s["spacing"])
        stacked = self.golden.get(f"{name}.noise")
        many = (self.golden[n] for n in sorted(self.golden) if n.startswith(f"{name}.noise."))
        self.draws = list(stacked) if stacked is not None else list(many)

    def constraints(self) -> list[Any]:
        g, s = self.golden, self.settings
        found: list[Any] = []
        if s.get("noise_shaping"):
            threshold = Threshold(s["noise_shaping_minimum_timesteps"])
            found.append(SceneShaping(g["scene_frames"], g["scene_mask"], threshold, follow_scale=False))
        if s.get("paste_cond_frame"):
            found.append(FixedLatents(g["origin_z_0"], (0,), renoise=False, follow_scale=False))
        if s.get("paste_overlap_frames"):
            found.append(FixedLatents(g["origin_z_0"], tuple(range(s["num_overlap"])), follow_scale=False))
        return found

    def sample(self, denoise: Any, on_step: Any = lambda done, clean: None, watch: Any = ()) -> Any:
        """watch: constraints that come before the run's own."""
        draws = iter(self.draws)

        def draw(shape: tuple[int, ...]) -> Any:
            noise = next(draws)
            assert tuple(noise.shape) == shape
            return noise

        config = SamplerConfig(self.config.schedule.prediction, self.guidance, restore_scale=False)
        with torch.inference_mode():
            constraints = [*watch, *self.constraints()]
            result = sample(denoise, self.plan, config, (1, 4, 4, 16, 16), draw, constraints, on_step)
        assert next(draws, None) is None, "every draw was used"
        return result


class Watch:
    """A constraint that asks for nothing and keeps every latent that a step begins with."""

    def __init__(self) -> None:
        self.latents: list[Any] = []

    def shape_noisy(self, plan: DdimPlan, timestep: int, latent: Any, draw: Any) -> Any:
        self.latents.append(latent)
        return latent

    def shape_clean(self, plan: DdimPlan, index: int, clean: Any) -> Any:
        return clean

    def finish(self, plan: DdimPlan, latent: Any) -> Any:
        return latent


@pytest.mark.parametrize("name", RECORDED)
def test_with_recorded_outputs(kit: ParityKit, name: str) -> None:
    run = Run(kit, name)
    outputs = iter(run.golden[f"{name}.model_outputs"])
    cleans: list[Any] = []
    watch = Watch()
    result = run.sample(
        lambda latent, timestep, branches: [next(outputs) for _ in branches],
        lambda done, clean: cleans.append(clean),
        [watch],
    )
    kit.check("sampler", f"{name}.x0", result)
    kit.check("sampler", f"{name}.pred_x0", torch.stack(cleans))
    kit.check("sampler", f"{name}.x_inter", torch.stack([*watch.latents, result]))


@pytest.mark.parametrize("name", RUNS)
def test_free_running(kit: ParityKit, name: str) -> None:
    run = Run(kit, name)
    denoise = Network(kit, run)
    result = run.sample(denoise)
    kit.check("sampler", f"{name}.x0", result)
    if name in RECORDED:
        kit.check("sampler", f"{name}.model_outputs", torch.stack(denoise.outputs))


class Network:
    """The kit's reduced UNet with the sampler goldens' conditions bound."""

    def __init__(self, kit: ParityKit, run: Run) -> None:
        g, config = run.golden, run.config
        self.unet: UNet = load_part(UNet(config.unet), "unet", config, kit)
        with torch.inference_mode():
            self.context = {
                "conditional": self.unet.bind_context(split_context(g["context"], 4)),
                "unconditional": self.unet.bind_context(split_context(g["uncond_context"], 4)),
            }
        self.camera = kit_camera(g, config.unet.mask_cells) if run.settings["enable_camera_condition"] else None
        self.concat, self.fps = g["c_concat"], torch.tensor([run.settings["fs"]])
        self.outputs: list[Any] = []

    def __call__(self, latent: Any, timestep: int, branches: Sequence[Branch]) -> list[Any]:
        x = torch.cat([latent, self.concat], dim=1)
        for branch in branches:
            context = self.context["unconditional" if branch == "unconditional" else "conditional"]
            camera = None if branch == "no_camera" else self.camera
            self.outputs.append(self.unet(x, torch.tensor([timestep]), context, camera, self.fps))
        return self.outputs[-len(branches) :]


def kit_camera(golden: dict[str, Any], cells: tuple[int, ...]) -> Camera:
    levels = []
    for level in range(4):
        cell = 8 * 2**level
        count = 4 * (128 // cell) ** 2
        plans = None
        if cell in cells:
            mask = unpack_mask(golden[f"camera.epipolar_mask_d{cell}_packed"], count)[0]
            plans = (DensePlan(torch.nn.functional.pad(mask, (4, 0), value=True)),)
        feature = golden[f"camera.pose_feature.{level}"].permute(0, 2, 3, 4, 1).contiguous()
        levels.append(LevelCamera(feature, plans))
    return tuple(levels)
