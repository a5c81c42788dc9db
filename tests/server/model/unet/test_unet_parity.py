"""The UNet with the kit's reduced weights: outputs, and what every block puts out on the way."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from torch.nn import functional  # noqa: E402

from server.model.config import ModelConfig  # noqa: E402
from server.model.unet.attention_plan import QUERY_BLOCK, BlockPlan, DensePlan, _block  # noqa: E402
from server.model.unet.transformers import LevelCamera  # noqa: E402
from server.model.unet.unet import Camera, UNet, split_context  # noqa: E402
from tests.server.published.parity import ParityKit, unpack_mask  # noqa: E402
from tests.support.model.reduced_model import TINY_256, TINY_512, load_part, observed, published_modules, statistics  # noqa: E402


def unet(kit: ParityKit, config: ModelConfig) -> UNet:
    model: UNet = load_part(UNet(config.unet), "unet", config, kit)
    return model


def dense(mask: Any) -> DensePlan:
    return DensePlan(functional.pad(mask, (4, 0), value=True))


def camera(kit: ParityKit, batch: int, cells: tuple[int, ...], frames: int = 4, plan: Any = dense) -> Camera:
    """The kit's pose features and masks, cut to `frames`."""
    features, geometry = kit.tensors("unet"), kit.tensors("geometry")
    levels = []
    for level in range(4):
        feature = features[f"pose_feature.{level}"][:batch, :, :frames].permute(0, 2, 3, 4, 1).contiguous()
        cell = 8 * 2**level
        plans = None
        if cell in cells:
            count = (128 // cell) ** 2
            masks = unpack_mask(geometry[f"unet128_B2.epipolar_mask_d{cell}_packed"], 4 * count)[:batch]
            plans = tuple(plan(mask[: frames * count, : frames * count]) for mask in masks)
        levels.append(LevelCamera(feature, plans))
    return tuple(levels)


ALL_CELLS = TINY_256.unet.mask_cells


def run(
    model: UNet,
    kit: ParityKit,
    context: Any,
    view: Camera | None,
    batch: int = 1,
    frames: int = 4,
    fps: bool = True,
) -> Any:
    """The output for the first samples and frames of the kit's inputs."""
    g = kit.tensors("unet")
    with torch.inference_mode():
        bound = model.bind_context(split_context(context, frames, published_parity=True))
        return model(g["x"][:batch, :, :frames], g["timesteps"][:batch], bound, view, g["fs"][:batch] if fps else None)


def test_outputs(kit: ParityKit) -> None:
    model, g = unet(kit, TINY_256), kit.tensors("unet")
    per_frame, shared = g["context_perframe"], g["context_shared"]
    masked, open_ = camera(kit, 1, ALL_CELLS), camera(kit, 1, ())
    cases = {
        "out.camera": run(model, kit, per_frame[:1], masked),
        "out.camera_batch2": run(model, kit, per_frame, camera(kit, 2, ALL_CELLS), batch=2),
        "out.no_camera": run(model, kit, per_frame[:1], None),
        "out.shared_context": run(model, kit, shared, masked),
        "out.default_fs": run(model, kit, per_frame[:1], masked, fps=False),
        "out.camera_no_mask": run(model, kit, per_frame[:1], open_),
        "out.three_frames": run(model, kit, per_frame[:1], camera(kit, 1, ALL_CELLS, frames=3), frames=3),
        "out.camera_512cfg": run(unet(kit, TINY_512), kit, per_frame[:1], camera(kit, 1, TINY_512.unet.mask_cells)),
    }
    assert set(cases) == set(kit.names("unet", "out."))
    for name, ours in cases.items():
        kit.check("unet", name, ours)


def test_every_block(kit: ParityKit) -> None:
    model, g = unet(kit, TINY_256), kit.tensors("unet")
    with observed(published_modules(model)) as outputs:
        run(model, kit, g["context_perframe"][:1], camera(kit, 1, ALL_CELLS))
    for name in kit.names("unet", "act.camera."):
        ours = like_published(outputs[name.removeprefix("act.camera.")], kit.index["unet"][name]["shape"])
        kit.check("unet", name, ours)
    for name in kit.names("unet", "actstat.camera."):
        kit.check("unet", name, statistics(outputs[name.removeprefix("actstat.camera.")]))


def like_published(ours: Any, shape: Any) -> Any:
    """Ours [B, T, H, W, C] in the layout of the golden: frames or positions as the batch, or [B, C, T, H, W]."""
    if len(shape) == 2:
        return ours
    if len(shape) == 5:
        return ours.permute(0, 4, 1, 2, 3)
    if len(shape) == 4:
        return ours.flatten(0, 1).permute(0, 3, 1, 2)
    batch, frames = ours.shape[:2]
    if shape[0] == batch * frames:
        return ours.flatten(0, 1).flatten(1, 2)
    return ours.permute(0, 2, 3, 1, 4).flatten(0, 2)


def blocks_of(mask: Any) -> BlockPlan:
    """The plan for large levels, forced on a small one, in an order that is no good: exact all the same."""
    count = len(mask) // 4
    order = torch.randperm(count, generator=torch.Generator().manual_seed(3))
    blocks = []
    for frame in range(4):
        rows = mask[frame * count : (frame + 1) * count]
        blocks += [_block(rows, queries, frame * count, 4) for queries in order.split(QUERY_BLOCK)]
    return BlockPlan(tuple(blocks), 4 + len(mask))


def test_blocked_attention_is_exact(kit: ParityKit) -> None:
    model, g = unet(kit, TINY_256), kit.tensors("unet")
    view = camera(kit, 2, ALL_CELLS, plan=blocks_of)
    ours = run(model, kit, g["context_perframe"], view, batch=2)
    kit.check("unet", "out.camera_batch2", ours)


def test_small_inputs_show_the_norms_epsilons(kit: ParityKit) -> None:
    g = kit.tensors("eps_probe")
    model = unet(kit, TINY_256)
    block = model.down[1].blocks[1]

    def clip(x: Any) -> Any:
        return x.unflatten(0, (1, 4)).permute(0, 1, 3, 4, 2).contiguous()

    def frames(y: Any) -> Any:
        return y.flatten(0, 1).permute(0, 3, 1, 2)

    with torch.inference_mode():
        x64, x32 = clip(g["x64"]), clip(g["x32"])
        time = functional.silu(g["emb"])[None]
        attention = block.spatial.cross_attention
        contexts = [attention.project(split_context(g["context"][i : i + 1], 1)) for i in range(4)]
        spatial = [frames(block.spatial(x64[:, i : i + 1], context)) for i, context in enumerate(contexts)]
        cases = {
            "resblock.input_blocks.5.0": frames(block.resnet(x64, time)),
            "spatial.input_blocks.5.1": torch.cat(spatial),
            "temporal.input_blocks.5.2": block.temporal(x64).permute(0, 4, 1, 2, 3),
            "temporal.init_attn.0": model.first_temporal(x32).permute(0, 4, 1, 2, 3),
            "out": frames(model.conv_out(functional.silu(model.norm_out(x32)))),
        }
    for name, ours in cases.items():
        kit.check("eps_probe", name, ours)
