"""Measure the network once, in its own process, so that peak memory is that of this measurement alone.

`python -m server.bench.sampler '{"width": 256, ...}'` prints one JSON object.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import torch
from torch import nn

from server.bench.peak_memory import peak_memory
from server.geometry.relative_poses import relative_poses
from server.model.config import REALCAM_256, REALCAM_512, ModelConfig
from server.model.cpu.allocator import keep_freed_memory
from server.model.packed import pack, packing_pays
from server.model.sampling.camera_condition import camera_condition
from server.model.unet import attention, epipolar_attention, layers
from server.model.unet.attention import ContextTokens
from server.model.unet.attention_plan import BlockPlan, DensePlan
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.unet import Camera, UNet

from .plain_sampler import make_plain, plain_camera, plain_forward


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        width, height: of the clip, pixels.
        frames: of the clip.
        camera: whether the network is conditioned on a camera.
        style: "ours", or "plain" as in plain_sampler.
        dtype: of weights and activations.
        threads: that torch may use.
        runs: forward passes to time, after one that is not timed.
        parts: whether to time the kinds of layers in one more pass.
    """

    width: int
    height: int
    frames: int = 16
    camera: bool = True
    style: Literal["ours", "plain"] = "ours"
    dtype: Literal["float32", "bfloat16"] = "float32"
    threads: int = 2
    runs: int = 2
    parts: bool = False


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one case.

    Attributes:
        case: what was measured.
        seconds: of each run, by the clock.
        cpu_seconds: of each run, summed over all threads. It is `seconds` times the number of threads only on an idle
            machine.
        camera_seconds: of the camera condition, computed once a shot.
        peak_gib: peak memory of the process.
        parts: seconds of one more run by kind of layer; empty unless asked for.
        mask_density: share of the epipolar mask that is computed; 0 without a camera.
    """

    case: Case
    seconds: list[float]
    cpu_seconds: list[float]
    camera_seconds: float
    peak_gib: float
    parts: dict[str, float]
    mask_density: float


def measure(case: Case) -> Measurement:
    """Build the full-size network with arbitrary weights and time it."""
    torch.set_num_threads(case.threads)
    if case.style == "ours":
        keep_freed_memory()
    dtype = torch.float32 if case.dtype == "float32" else torch.bfloat16
    base = REALCAM_256 if (case.width, case.height) == (256, 256) else REALCAM_512
    config = replace(base, size=(case.width, case.height))
    with torch.inference_mode():
        camera, camera_seconds, density = _camera(config, case, dtype) if case.camera else (None, 0.0, 0.0)
        unet = filled(UNet, config.unet, dtype)
        x, context = _inputs(config, case, dtype)
        run = _forward(unet, x, context, camera, case)
        run()
        times = [_timed(run) for _ in range(case.runs)]
        parts: dict[str, float] = {}
        if case.parts:
            with timed_parts(unet) as parts:
                run()
    peak = peak_memory() / 2**30
    return Measurement(
        case=case,
        seconds=[clock for clock, _ in times],
        cpu_seconds=[cpu for _, cpu in times],
        camera_seconds=camera_seconds,
        peak_gib=peak,
        parts=parts,
        mask_density=density,
    )


def filled(kind: Callable[[Any], nn.Module], config: Any, dtype: torch.dtype) -> Any:
    """A module with arbitrary weights of the right sizes, in evaluation mode; time does not depend on the values.

    Args:
        kind: the module's class.
        config: its argument.
        dtype: of parameters and buffers.
    """
    with torch.device("meta"):
        module = kind(config)
    noise = torch.randn(1 << 20)
    for owner in module.modules():
        for name, parameter in owner._parameters.items():
            if parameter is not None:
                fan_in = max(parameter[0].numel() if parameter.ndim > 1 else 1, 1)
                repeats = -(-parameter.numel() // len(noise))
                values = noise.repeat(repeats)[: parameter.numel()].view(parameter.shape) * (fan_in**-0.5)
                owner._parameters[name] = nn.Parameter(values.to(dtype), requires_grad=False)
        for name, buffer in owner._buffers.items():
            if buffer is not None:
                owner._buffers[name] = torch.zeros(buffer.shape, dtype=dtype)
    return module.eval()


def _camera(config: ModelConfig, case: Case, dtype: torch.dtype) -> tuple[Camera, float, float]:
    """The camera condition of a synthetic move, the seconds it took, and the density of its mask.

    The pose encoder is freed afterwards, since it is needed once a shot only.
    """
    encoder = filled(PoseEncoder, config.pose_encoder, dtype)
    poses, intrinsics = synthetic_move(case.frames, config.size)
    started = time.perf_counter()
    seen = relative_poses(poses, torch.tensor([0]))
    camera = camera_condition(encoder, config.unet, seen, intrinsics, config.size)
    seconds = time.perf_counter() - started
    plan = next((p for level in camera for p in level.plans or ()), None)
    density = plan.density if isinstance(plan, BlockPlan) else float(plan is None or isinstance(plan, DensePlan))
    return (plain_camera(camera) if case.style == "plain" else camera), seconds, density


def synthetic_move(frames: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """A camera that moves and turns at once: camera-to-world [1, F, 4, 4] and intrinsics [1, F, 3, 3], float64.

    Args:
        frames: F.
        size: (width, height), pixels.
    """
    width, height = size
    poses = torch.eye(4, dtype=torch.float64).repeat(1, frames, 1, 1)
    angle = 0.03 * torch.arange(frames, dtype=torch.float64)
    poses[0, :, 0, 0], poses[0, :, 0, 2] = angle.cos(), angle.sin()
    poses[0, :, 2, 0], poses[0, :, 2, 2] = -angle.sin(), angle.cos()
    poses[0, :, :3, 3] = torch.arange(frames)[:, None] * torch.tensor([0.10, 0.02, 0.05], dtype=torch.float64)
    focal = max(width, height) / 2
    k = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    return poses, k.expand(1, frames, 3, 3)


def _inputs(config: ModelConfig, case: Case, dtype: torch.dtype) -> tuple[torch.Tensor, ContextTokens]:
    x = torch.randn(1, 8, case.frames, case.height // 8, case.width // 8)
    channels = config.unet.context_channels
    text, image = torch.randn(1, 77, channels), torch.randn(1, case.frames, 16, channels)
    return x, ContextTokens(text.to(dtype), image.to(dtype))


def _forward(
    unet: UNet, x: torch.Tensor, context: ContextTokens, camera: Camera | None, case: Case
) -> Callable[[], object]:
    timestep, fps = torch.tensor([601]), torch.tensor([14])
    if case.style == "plain":
        make_plain(unet)
        return lambda: plain_forward(unet, x, timestep, context, camera, fps)
    if packing_pays(unet.conv_in.weight.dtype, x.device):
        pack(unet)
    bound = unet.bind_context(context)
    return lambda: unet(x, timestep, bound, camera, fps)


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of all threads."""
    started, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - cpu


PARTS: dict[str, tuple[type[nn.Module], ...]] = {
    "frame convolutions": (layers.FrameConv,),
    "time convolutions": (layers.TimeConv,),
    "self-attention": (attention.FrameAttention,),
    "cross-attention": (attention.CrossAttention,),
    "time attention": (attention.TimeAttention,),
    "epipolar attention": (epipolar_attention.EpipolarAttention,),
    "feed-forward": (layers.FeedForward,),
    "norms": (layers.FrameNorm, layers.ClipNorm, nn.LayerNorm),
}
"""Layer classes by the name of their kind."""


@contextmanager
def timed_parts(unet: nn.Module) -> Iterator[dict[str, float]]:
    """Collect the seconds spent in each kind of layer (PARTS) while the context is open; others are not counted."""
    spent = dict.fromkeys(PARTS, 0.0)
    started: dict[nn.Module, float] = {}

    def before(module: nn.Module, inputs: object) -> None:
        del inputs
        started[module] = time.perf_counter()

    def after(kind: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            del inputs, output
            spent[kind] += time.perf_counter() - started.pop(module)

        return hook

    handles = []
    for module in unet.modules():
        for kind, types in PARTS.items():
            if isinstance(module, types):
                handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after(kind))]
    try:
        yield spent
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class Rates:
    """Arithmetic rates of this machine, GFLOP/s."""

    matmul: float
    convolution: float


RATE_RUNS = 30
"""Runs of which the fastest counts; processors that were idle take a second to reach full speed."""


def machine_rates(threads: int, dtype: torch.dtype) -> Rates:
    """Rates of a plain matrix product and a channels-last convolution, of sizes that the network uses.

    Args:
        threads: that torch may use.
        dtype: of the operands.
    """
    torch.set_num_threads(threads)
    a, b = torch.randn(4096, 1280).to(dtype), torch.randn(1280, 1280).to(dtype)
    image = torch.randn(16, 320, 32, 32).to(dtype).to(memory_format=torch.channels_last)
    kernel = torch.randn(320, 320, 3, 3).to(dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        product = min(_timed(lambda: nn.functional.linear(a, b))[0] for _ in range(RATE_RUNS))
        convolved = min(_timed(lambda: nn.functional.conv2d(image, kernel, padding=1))[0] for _ in range(RATE_RUNS))
    flops = 2 * 16 * 32 * 32 * 320 * 320 * 9
    return Rates(matmul=2 * 4096 * 1280 * 1280 / product / 1e9, convolution=flops / convolved / 1e9)


if __name__ == "__main__":
    found = measure(msgspec.json.decode(sys.argv[1], type=Case))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
