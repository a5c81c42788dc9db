"""VAE, CLIP towers, resampler and pose encoder with the kit's reduced weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the encoder tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the encoder tests were not run")

from torch.nn import functional  # noqa: E402

from server.geometry.plucker import plucker_rays  # noqa: E402
from server.geometry.relative_poses import relative_poses  # noqa: E402
from server.model.clip_encoders import (  # noqa: E402
    CLIP_MEAN,
    CLIP_STD,
    build_image_encoder,
    build_text_encoder,
    clip_pixels,
    encode_image,
    encode_text,
)
from server.model.unet.pose_encoder import PoseEncoder  # noqa: E402
from server.model.unet.resampler import Resampler  # noqa: E402
from server.model.vae import VideoVae, build_vae  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.reduced_model import TINY_256, load_part  # noqa: E402


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def load(kit: ParityKit, module: Any, part: Any) -> Any:
    return load_part(module, part, TINY_256, kit)


def frames(x: Any) -> Any:
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def test_vae(kit: ParityKit) -> None:
    g = kit.tensors("vae")
    vae = load(kit, build_vae(TINY_256.vae), "vae")
    video = VideoVae(vae, TINY_256.vae, frames_at_once=2)
    moments = vae.encode(g["image"]).latent_dist.parameters
    mean, log_variance = moments.chunk(2, dim=1)
    per_frame = iter(g["perframe.noise"])
    cases = {
        "moments": moments,
        "posterior_mean": mean,
        "posterior_std": torch.exp(0.5 * log_variance.clamp(-30, 20)),
        "z_sampled_scaled": video.encode(g["image"][:, :, None], lambda _: g["posterior_noise"])[:, :, 0],
        "decoded": video.decode(g["latent"][:, :, None])[:, :, 0],
        "perframe.z": video.encode(g["clip"], lambda _: next(per_frame), per_frame=True),
        "batched.z": video.encode(g["clip"], g["batched.noise"].reshape),
    }
    for name, ours in cases.items():
        kit.check("vae", name, ours)
    kit.check("vae", "decoded", VideoVae(vae, TINY_256.vae).decode(g["latent"][:, :, None])[:, :, 0])


def test_text_encoder(kit: ParityKit) -> None:
    g = kit.tensors("encoders")
    encoder = load(kit, build_text_encoder(TINY_256.clip), "text")
    kit.check("encoders", "text.out", encode_text(encoder, g["text.token_ids"]))


@pytest.mark.parametrize("name", ["img96x160", "img256", "img320x512", "zero"])
def test_image_encoder_and_resampler(kit: ParityKit, name: str) -> None:
    g = kit.tensors("encoders")
    if name == "zero":
        image = torch.zeros(1, 3, 64, 64)
    elif name == "img96x160":
        image = g["image.img96x160.input"]
    else:
        size = {"img256": (256, 256), "img320x512": (320, 512)}[name]
        low = g[f"image.{name}.lowres"]
        image = functional.interpolate(low, size, mode="bilinear", align_corners=False).clamp(-1, 1)
    encoder = load(kit, build_image_encoder(TINY_256.clip), "vision")
    tokens = encode_image(encoder, image)
    context = load(kit, Resampler(TINY_256.resampler), "resampler")(tokens)
    if name != "zero":
        short = f"image.{name}.preprocessed_sub"
        kit.check("encoders", short, clip_pixels(image)[..., ::4, ::4])
    kit.check("encoders", f"image.{name}.tokens", tokens)
    kit.check("encoders", f"image.{name}.context", context)


@pytest.mark.parametrize(("width", "height"), [(1024, 576), (512, 320), (576, 1024), (200, 300), (160, 96)])
def test_picture_for_the_image_tower_at_any_size(width: int, height: int) -> None:
    """Restated in float64: a blur along each axis where either is shrunk, then bicubic with aligned corners."""
    image = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(0)) * 2 - 1
    picture = image[0].double().numpy()
    if max(width, height) > 224:
        for axis, side in ((1, height), (2, width)):
            sigma = max((side / 224 - 1) / 2, 0.001)
            taps = int(max(4 * sigma, 3))
            taps += taps % 2 == 0
            kernel = np.exp(-((np.arange(taps) - taps // 2) ** 2) / (2 * sigma**2))
            # Mirrored without repeating the border pixel.
            picture = ndimage.correlate1d(picture, kernel / kernel.sum(), axis=axis, mode="mirror")
    resized = functional.interpolate(torch.from_numpy(picture)[None], (224, 224), mode="bicubic", align_corners=True)
    mean, std = (np.array(v)[:, None, None] for v in (CLIP_MEAN, CLIP_STD))
    expected = ((resized[0].numpy() + 1) / 2 - mean) / std
    # Noise is as steep as a picture can be, and where it is sampled is rounded to float32.
    assert np.abs(clip_pixels(image)[0].numpy() - expected).max() < 2e-4


def test_resampler(kit: ParityKit) -> None:
    g = kit.tensors("encoders")
    resampler = load(kit, Resampler(TINY_256.resampler), "resampler")
    kit.check("encoders", "resampler.out", resampler(g["resampler.x"]))


def test_pose_encoder(kit: ParityKit) -> None:
    encoder = load(kit, PoseEncoder(TINY_256.pose_encoder), "pose_encoder")
    g = {name.removeprefix("sq_B2_cond02."): t for name, t in kit.tensors("geometry").items()}
    poses = relative_poses(torch.linalg.inv(g["w2c"]), g["cond_frame_index"], g["trace_scale_factor"])
    features = encoder(plucker_rays(poses, g["K"], *g["HW"].tolist()))
    for level, feature in enumerate(features):
        kit.check("pose_encoder", f"feature.{level}", frames(feature))


def test_small_inputs_show_the_norms_epsilons(kit: ParityKit) -> None:
    g = kit.tensors("eps_probe")
    vae = load(kit, build_vae(TINY_256.vae), "vae")
    resampler = load(kit, Resampler(TINY_256.resampler), "resampler").layers[0]
    pose = load(kit, PoseEncoder(TINY_256.pose_encoder), "pose_encoder").levels[0][0]
    text = load(kit, build_text_encoder(TINY_256.clip), "text")
    tokens48 = g["x64"][:, :48].flatten(2).transpose(1, 2)
    clip32 = g["x32"].flatten(2).permute(2, 0, 1)[None].transpose(1, 2)[:, :, :, None]
    attended = clip32 + pose.attention(pose.norm(clip32) + pose.positions[:4, None, None])
    attended = attended + pose.ff(pose.ff_norm(attended))
    layer = text.encoder.layers[0]
    cases = {
        "vae.encoder.mid.block_1": vae.encoder.mid_block.resnets[0](g["x32"], None),
        "vae.encoder.mid.attn_1": vae.encoder.mid_block.attentions[0](g["x32"]),
        "resampler.layer0_ff": resampler.ff_out(functional.gelu(resampler.ff_in(resampler.ff_norm(tokens48)))),
        "pose.attention_block.0.0": attended[0, :, :, 0].transpose(0, 1),
        "clip_text.block0": first(layer(tokens48, attention_mask=None)),
    }
    for name, ours in cases.items():
        kit.check("eps_probe", name, ours)


def first(output: Any) -> Any:
    return output[0] if isinstance(output, tuple) else output
