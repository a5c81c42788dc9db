"""A shot on a card, where there is none: every operation on tensors that know their device and hold nothing.

PyTorch's fake tensors refuse what a card refuses: an operation on a tensor of the card and one of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from torch import nn  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily  # noqa: E402

from server.diffusion.guidance import GuidanceConfig  # noqa: E402
from server.diffusion.sampler import SeededNoise  # noqa: E402
from server.engines.realcam.memory.memory_plan import UNET_PEAK, VAE_PEAK  # noqa: E402
from server.model.config import TINY, VARIANTS, ModelConfig  # noqa: E402
from server.model.model import OFFLOADED_PARTS, RealCamModel, offloaded, random_model  # noqa: E402  # noqa: E402
from server.model.sampling import branch_devices, camera_condition  # noqa: E402
from server.model.sampling.shot_sampler import FixedFrame, Hooks, SamplingOptions, ShotInputs, ShotState, sample_shot  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.unet import flex_plan  # noqa: E402
from server.model.unet.attention import ContextTokens  # noqa: E402
from server.model.unet.attention_plan import BlockPlan, DensePlan, QueryBlock  # noqa: E402
from server.model.unet.pose_encoder import PoseEncoder  # noqa: E402
from server.model.unet.unet import UNet  # noqa: E402
from server.model.vae import (  # noqa: E402
    CARD_FRAMES,
    PUBLISHED_COLOURS,
    VideoVae,
    build_vae,
    latent_picture,
)
from tests.support.model.fake_card import guarded  # noqa: E402
from tests.support.model.live_memory import LiveMemory  # noqa: E402

CARD = torch.device("cuda:0")
WIDTH, HEIGHT = 256, 128
FRAMES, WINDOW = 8, 6
SHALLOW = replace(
    TINY,
    unet=replace(TINY.unet, channel_mult=(1, 1), blocks=1, mask_cells=(16, 8)),
    pose_encoder=replace(TINY.pose_encoder, channels=(32, 32), blocks=1, frames=WINDOW),
    vae=replace(TINY.vae, channel_mult=(1, 1, 1, 1), blocks=1),
    resampler=replace(TINY.resampler, frames=WINDOW),
)
"""Little to run, and at its finest level more tokens than one dense mask is made for: 6 x 32 x 16."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """Fake tensors, which like real ones become arrays on the machine only."""

    def numpy(tensor: FakeTensor) -> Any:
        assert tensor.device.type == "cpu", "a card's tensor is no array"
        with unset_fake_temporarily():
            return torch.zeros(tensor.shape, dtype=tensor.dtype).numpy()

    monkeypatch.setattr(FakeTensor, "numpy", numpy, raising=False)
    # Under inference_mode fake tensors with known values are moved to the card for real.
    inference = torch.inference_mode
    monkeypatch.setattr(torch, "inference_mode", lambda mode=True: torch.no_grad() if mode else inference(False))
    with guarded(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def test_what_a_card_refuses_is_refused(fake: FakeTensorMode) -> None:
    """That these tests can fail."""
    on_card, on_machine = torch.ones(2, device=CARD), torch.ones(2)
    with pytest.raises(RuntimeError, match=r"same device|different devices"):
        on_card + on_machine
    with pytest.raises(AssertionError, match="no array"):
        on_card.numpy()
    assert on_card.cpu().numpy().shape == (2,)


def poses() -> Any:
    seen = np.tile(np.eye(4), (FRAMES, 1, 1))
    seen[:, :3, 3] = np.arange(FRAMES)[:, None] * (0.1, 0.023, 0.057)
    return seen


def inputs() -> ShotInputs:
    intrinsics = np.tile(np.array([[200.0, 0, WIDTH / 2], [0, 200.0, HEIGHT / 2], [0, 0, 1]]), (FRAMES, 1, 1))
    return ShotInputs(
        poses=poses(),
        intrinsics=intrinsics,
        picture=torch.zeros((1, 3, HEIGHT, WIDTH), device=CARD),
        reference=0,
        preview=np.full((FRAMES, HEIGHT, WIDTH, 4), 255, dtype=np.uint8),
        held=(FixedFrame(torch.zeros((1, 3, HEIGHT, WIDTH)), (FRAMES - 1,)),),
    )


@dataclass
class Shown:
    """Previews of the latents after each step, and the last state."""

    pictures: list[Any] = field(default_factory=list)
    state: ShotState | None = None

    def hooks(self) -> Hooks:
        def step(done: int, of: int, clean: Any) -> None:
            del done, of
            self.pictures.append(latent_picture(clean, 0, torch.tensor(PUBLISHED_COLOURS)))

        return Hooks(on_step=step, on_state=lambda state: setattr(self, "state", state))


def sampled(model: RealCamModel, options: SamplingOptions, start: ShotState | None = None) -> Shown:
    shown = Shown()
    frames = sample_shot(model, inputs(), options, SeededNoise(0, CARD), shown.hooks(), start)
    assert frames.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert all(picture.shape == (HEIGHT // 2, WIDTH // 2, 3) for picture in shown.pictures)
    return shown


@pytest.fixture(params=["flex", "blocks"])
def plans(request: pytest.FixtureRequest, fake: FakeTensorMode, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a card masks: by FlexAttention, or by blocks where it cannot compile."""

    def attention(form: object, backend: str) -> Any:
        assert request.param == "flex"

        def attend(q: Any, k: Any, v: Any, block_mask: Any) -> Any:
            queries, keys = (torch.arange(n, device=q.device) for n in block_mask.seq_lengths)
            seen = block_mask.mask_mod(queries, queries, queries[:128, None], keys)
            assert {t.device for t in (block_mask.kv_indices, block_mask.full_kv_indices, seen)} == {q.device}
            return torch.nn.functional.scaled_dot_product_attention(q, k, v)

        return attend

    def level_plan(fundamental: Any, *arguments: Any) -> Any:
        """Of the real camera: which keys a block has depends on numbers."""
        with unset_fake_temporarily():
            seen = torch.from_numpy(poses()[: len(fundamental)])[None]
            k = torch.tensor([[200.0, 0, WIDTH / 2], [0, 200.0, HEIGHT / 2], [0, 0, 1]], dtype=torch.float64)
            matrices = camera_condition.fundamental_matrices(seen, k.expand(1, len(fundamental), 3, 3))[0]
            plan = real(matrices, *arguments)
        if isinstance(plan, DensePlan):
            return DensePlan(fake.from_tensor(plan.mask))
        blocks = [QueryBlock(*(fake.from_tensor(t) for t in (b.queries, b.keys, b.mask))) for b in plan.blocks]
        return BlockPlan(tuple(blocks), plan.columns)

    real = camera_condition.level_plan
    monkeypatch.setattr(camera_condition, "level_plan", level_plan)
    monkeypatch.setattr(camera_condition, "can_compile", lambda device: request.param == "flex")
    monkeypatch.setattr(flex_plan, "compiled_attention", attention)
    return str(request.param)


def model_on_card(dtype: Any) -> RealCamModel:
    model = random_model(SHALLOW, ByteTokenizer(TINY.clip.vocabulary), device=CARD, dtype=dtype)
    tensors = [t for part in model.parts().values() for t in (*part.parameters(), *part.buffers())]
    assert {t.device for t in tensors} == {model.device} == {CARD}
    return model


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_shot_of_two_segments(plans: str, dtype: Any) -> None:
    """Both guidances, in batches, held to the preview, the last segment to its end, and gone on with."""
    model = model_on_card(dtype)
    options = SamplingOptions(steps=1, batched=True, guidance=GuidanceConfig(scale=5.0, camera_scale=1.5), overlap=4)
    shown = sampled(model, options)
    assert len(shown.pictures) == 2
    assert shown.state is not None
    assert len(sampled(model, options, shown.state).pictures) == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("plans")
@pytest.mark.parametrize(
    "options",
    [
        SamplingOptions(steps=1, shaping="clean", tiled=True),
        SamplingOptions(steps=2, lossy_guidance_every=2, guidance=GuidanceConfig(scale=5.0, image_scale=2.0)),
    ],
    ids=["clean, tiled", "lossy, text and picture apart"],
)
def test_other_ways_of_sampling(options: SamplingOptions) -> None:
    sampled(model_on_card(torch.float16), options)


@pytest.mark.parametrize("plans", ["flex"], indirect=True)
@pytest.mark.usefixtures("plans")
def test_as_published() -> None:
    """Its noise and its float32 geometry are made on the machine."""
    one = inputs()
    short = replace(one, poses=one.poses[:WINDOW], intrinsics=one.intrinsics[:WINDOW], preview=None, held=())
    options = SamplingOptions(steps=1, published_parity=True)
    frames = sample_shot(model_on_card(torch.float32), short, options, SeededNoise(0, CARD), Hooks())
    assert len(frames) == WINDOW


class InTurn:
    """In place of a pool of threads, which fake tensors do not know."""

    def __init__(self, *_: object) -> None:
        """As a pool."""

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs any more."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        made: Future[Any] = Future()
        made.set_result(function(*arguments))
        return made


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("plans")
def test_branches_on_two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second card computes with is on it, and what it made comes back."""
    monkeypatch.setattr(branch_devices, "ThreadPoolExecutor", InTurn)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    one, seen = inputs(), list[Any]()
    short = replace(one, poses=one.poses[:WINDOW], intrinsics=one.intrinsics[:WINDOW], preview=None, held=())
    model = model_on_card(torch.bfloat16)
    other = branch_devices.replicated(model, torch.device("cuda:1"))
    other.unet.conv_out.register_forward_hook(lambda _module, _inputs, output: seen.append(output.device))
    guidance = GuidanceConfig(scale=5.0, image_scale=2.0, camera_scale=1.5)
    options = SamplingOptions(steps=1, guidance=guidance)
    frames = sample_shot(model, short, options, SeededNoise(0, CARD), Hooks(), replicas=[other])
    assert len(frames) == WINDOW
    assert seen == [torch.device("cuda:1")] * 2


def full_part(build: Callable[[], Any], dtype: Any) -> Any:
    """A network of the published size, on the card, without weights."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with CARD:
            part = build().eval()
    finally:
        torch.set_default_dtype(before)
    for owner in part.modules():
        owner._buffers.update({name: buffer.to(dtype) for name, buffer in owner._buffers.items()})
    return part


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_forward_takes_the_memory_that_is_planned_for(
    config: ModelConfig, batch: int, fake: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tensor of a forward of full size, in bfloat16, and of the camera's features before it."""

    def fused(q: Any, k: Any, v: Any, attn_mask: Any = None, block_mask: Any = None) -> Any:
        """As a card's attention: no scores are stored. Fake tensors go by the form that stores them."""
        return torch.empty_like(q, memory_format=torch.contiguous_format)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
    monkeypatch.setattr(flex_plan, "compiled_attention", lambda form, backend: fused)
    monkeypatch.setattr(camera_condition, "can_compile", lambda device: True)
    pose_encoder = full_part(lambda: PoseEncoder(config.pose_encoder), torch.bfloat16)
    unet = full_part(lambda: UNet(config.unet), torch.bfloat16)
    (width, height), frames = config.size, 16
    with torch.no_grad(), LiveMemory(pose_encoder, unet) as memory:
        still = torch.eye(4, dtype=torch.float64, device=CARD).repeat(1, frames, 1, 1)
        camera = camera_condition.camera_condition(pose_encoder, config.unet, still, still[..., :3, :3], config.size)
        text, image = (torch.zeros((batch, *n, 1024), device=CARD, dtype=torch.bfloat16) for n in ((77,), (frames, 16)))
        context = unet.bind_context(ContextTokens(text, image))
        latents = torch.zeros((batch, 8, frames, height // 8, width // 8), device=CARD)
        unet(latents, torch.full((batch,), 700, device=CARD), context, camera)
    values = batch * frames * (width // 8) * (height // 8) * config.unet.channels
    assert 0.8 < memory.most / (2 * values * UNET_PEAK) < 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_vae_takes_the_memory_that_is_planned_for(config: ModelConfig, fake: FakeTensorMode) -> None:
    network = full_part(lambda: build_vae(config.vae), torch.bfloat16)
    vae = VideoVae(network, config.vae, CARD_FRAMES)
    (width, height), frames = config.size, 16
    planned = 2 * VAE_PEAK * CARD_FRAMES * width * height * config.vae.channels
    with torch.no_grad(), LiveMemory(network) as memory:
        vae.encode(torch.zeros((1, 3, frames, height, width), device=CARD), None)
        encoding = memory.most
        memory.most = 0
        vae.decode(torch.zeros((1, 4, frames, height // 8, width // 8), device=CARD))
    assert 0.7 < encoding / planned < 1.05
    assert 0.7 < memory.most / planned < 1.05


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plans", ["flex"], indirect=True)
@pytest.mark.usefixtures("plans")
def test_weights_that_stay_in_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer's come to the card before it runs, and are gone again after the shot."""

    def moved(module: nn.Module, device: Any, **_: object) -> nn.Module:
        """Module.to, which cannot put another fake tensor in a parameter's place."""
        for owner in module.modules():
            for tensors in (owner._parameters, owner._buffers):
                for tensor in tensors.values():
                    if tensor is not None:
                        tensor.data = tensor.data.to(device)
        return module

    def put(tensor: FakeTensor, value: FakeTensor) -> None:
        """Tensor.data, which leaves a fake tensor's device as it was."""
        data.__set__(tensor, value)
        tensor.fake_device = value.device

    data = torch.Tensor.data
    monkeypatch.setattr(FakeTensor, "data", property(data.__get__, put), raising=False)
    monkeypatch.setattr(nn.Module, "to", moved)
    model = random_model(SHALLOW, ByteTokenizer(TINY.clip.vocabulary), dtype=torch.float16)
    away = offloaded(model, CARD)
    sampled(away, SamplingOptions(steps=1, tiled=True))
    devices = {name: {t.device.type for t in part.parameters()} for name, part in away.parts().items()}
    assert devices == {name: {"cpu" if name in OFFLOADED_PARTS else "cuda"} for name in devices}
