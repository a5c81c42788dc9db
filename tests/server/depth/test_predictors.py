"""Depth networks: to parity with the published one on tiny weights, and what the catalogue says of each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: depth networks cannot run")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: depth networks cannot run")

from safetensors.torch import load_file  # noqa: E402

from server.cli import app  # noqa: E402
from server.depth.catalogue import CARDS, load_predictor  # noqa: E402
from server.depth.depth_anything import (  # noqa: E402
    DepthAnything,
    configuration,
    metric_depth,
    network_size,
    with_published_positions,
)
from server.depth.depth_pro import DepthPro, focal_from_fov  # noqa: E402
from server.depth.predictor import PredictorError  # noqa: E402
from server.depth.published_weights import converted  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402

TINY_INDOOR = CARDS["depth-anything-indoor-large"]


@pytest.fixture(scope="module")
def published(parity_kit: Path) -> dict[str, torch.Tensor]:
    prefix = "depth_predictor."
    weights = load_file(parity_kit / "tiny_256.safetensors")
    return {name.removeprefix(prefix): w.float() for name, w in weights.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def network(parity_kit: Path, published: dict[str, torch.Tensor]) -> transformers.DepthAnythingForDepthEstimation:
    sizes = json.loads((parity_kit / "tiny_config.json").read_text())["tiny_depth"]
    backbone = transformers.Dinov2Config(
        hidden_size=sizes["dino"]["embed_dim"],
        num_hidden_layers=sizes["dino"]["depth"],
        num_attention_heads=sizes["dino"]["num_heads"],
        image_size=sizes["dino"]["img_size"],
        patch_size=14,
        out_features=[f"stage{i + 1}" for i in sizes["intermediate_layer_idx"]],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=sizes["dino"]["embed_dim"],
        neck_hidden_sizes=sizes["out_channels"],
        fusion_hidden_size=sizes["features"],
        head_hidden_size=32,
        depth_estimation_type="metric",
        max_depth=sizes["max_depth"],
    )
    made = transformers.DepthAnythingForDepthEstimation(config)
    made.load_state_dict(converted(published))
    return with_published_positions(made).eval()


@pytest.fixture(scope="module")
def golden(parity_kit: Path) -> dict[str, torch.Tensor]:
    return load_file(parity_kit / "depth.safetensors")


@pytest.mark.parametrize("case", ["square70", "rect56x84"])
def test_the_published_network(network, kit: ParityKit, golden: dict[str, torch.Tensor], case: str) -> None:
    with torch.no_grad():
        out = network(golden[f"{case}.input"])
        tokens = network.backbone(golden[f"{case}.input"]).feature_maps
    kit.check("depth", f"{case}.dino.layer0", tokens[0][:, 1:])
    kit.check("depth", f"{case}.dino.layer3", tokens[3][:, 1:])
    kit.check("depth", f"{case}.depth", out.predicted_depth)


def test_small_inputs_show_the_norm_s_epsilon(network, kit: ParityKit) -> None:
    tokens = kit.tensors("eps_probe")["x32"].flatten(2).transpose(1, 2)
    with torch.no_grad():
        out = network.backbone.encoder.layer[0](tokens)
    kit.check("eps_probe", "dino.block0", out[0] if isinstance(out, tuple) else out)


def test_the_published_pre_and_postprocessing(network, kit: ParityKit, golden: dict[str, torch.Tensor]) -> None:
    kit.check("depth", "scene.depth", metric_depth(network, (golden["scene.frame"][0] + 1) / 2))


def test_published_points_lie_at_integer_pixels(network, kit: ParityKit, golden: dict[str, torch.Tensor]) -> None:
    """Each with the colour of its pixel. Our own mesh has them half a pixel further, where a pixel's centre is."""
    picture = (golden["scene.frame"][0] + 1) / 2
    depth = metric_depth(network, picture).double()
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    rays = torch.stack([x, y, torch.ones_like(x)], dim=-1).double() @ torch.linalg.inv(golden["scene.K"].double()).T
    kit.check("depth", "scene.points_sub", (rays * depth[..., None])[::4, ::4])
    kit.check("depth", "scene.colors_sub", picture.permute(1, 2, 0)[::4, ::4])


@pytest.mark.parametrize(("side", "rounded"), [(256, 252), (320, 322), (512, 518), (518, 518), (5, 14), (63, 56)])
def test_sides_are_rounded_as_published(side: int, rounded: int) -> None:
    assert network_size(side, side) == (rounded, rounded)


def test_large_photos_are_shrunk_to_the_trained_size(network, bike) -> None:
    predictor = DepthAnything(TINY_INDOOR, network, torch.device("cpu"))
    large = np.repeat(np.repeat(bike.photo, 2, axis=0), 2, axis=1)
    estimate = predictor.predict(large)
    assert estimate.depth.shape == (518, 768)
    assert estimate.depth.dtype == np.float32
    assert 0 < estimate.depth.min() <= estimate.depth.max() < 20
    assert estimate.intrinsics is None
    assert predictor.predict(bike.photo).depth.shape == bike.photo.shape[:2]


def test_a_local_copy_is_loaded_and_predicts_the_same(network, bike, tmp_path: Path) -> None:
    """`realcam depth predict` with a folder for transformers, as after a download."""
    network.save_pretrained(tmp_path / "copy")
    Image.fromarray(bike.photo[::2, ::2]).save(tmp_path / "bike.png")
    arguments = [
        "depth",
        "predict",
        str(tmp_path / "bike.png"),
        "--weights",
        str(tmp_path / "copy"),
        "--raw",
        "--predictor",
        TINY_INDOOR.name,
    ]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "non-commercial use: CC BY-NC 4.0" in result.output
    expected = DepthAnything(TINY_INDOOR, network, torch.device("cpu")).predict(bike.photo[::2, ::2].copy()).depth
    with np.load(tmp_path / "bike.depth.npz") as written:
        assert np.allclose(written["depth"], expected, atol=1e-5)


def test_every_full_size_takes_the_published_weights() -> None:
    """The tensors of each published size, by name and shape, without their values."""
    parameters = {"small": 24.8e6, "base": 97.5e6, "large": 335.3e6}
    for size, count in parameters.items():
        with torch.device("meta"):
            made = transformers.DepthAnythingForDepthEstimation(configuration(CARDS[f"depth-anything-indoor-{size}"]))
        assert sum(p.numel() for p in made.parameters()) == pytest.approx(count, rel=0.01)


def test_depth_pro_gives_depth_and_a_lens(bike) -> None:
    small = {
        "model_type": "dinov2",
        "hidden_size": 16,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    config = transformers.DepthProConfig(
        fusion_hidden_size=16,
        patch_size=64,
        intermediate_hook_ids=[2, 0],
        intermediate_feature_dims=[16, 16],
        scaled_images_feature_dims=[16, 16, 16],
        use_fov_model=True,
        image_model_config=small,
        patch_model_config=small,
        fov_model_config=small,
    )
    torch.manual_seed(0)
    made = transformers.DepthProForDepthEstimation(config)
    predictor = DepthPro(CARDS["depth-pro"], made, torch.device("cpu"), side=256)
    last = made.fov_model.head.layers[-1]
    last.weight.data.zero_()
    last.bias.data.fill_(60.0)
    estimate = predictor.predict(bike.photo)
    assert estimate.depth.shape == bike.photo.shape[:2]
    assert np.isfinite(estimate.depth).all()
    assert estimate.intrinsics is not None
    assert estimate.intrinsics[0, 2] == bike.photo.shape[1] / 2
    assert estimate.intrinsics[0, 0] == pytest.approx(focal_from_fov(bike.photo.shape[1], 60.0), rel=0.2)


def test_a_field_of_view_is_a_focal_length() -> None:
    assert focal_from_fov(1000, 90.0) == pytest.approx(500.0)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    torch.save({"encoder.block.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(PredictorError, match=r"they hold encoder\.block\.0\.weight"):
        load_predictor("depth-anything-indoor-small", tmp_path / "other.pth", "cpu")


def test_weights_of_another_size_are_named(published: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(published, tmp_path / "tiny.pth")
    with pytest.raises(PredictorError, match="another size of network"):
        load_predictor("depth-anything-indoor-small", tmp_path / "tiny.pth", "cpu")


def test_weights_that_cannot_be_had_say_where_they_were_sought(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match="cannot be read"):
        load_predictor("depth-anything-indoor-small", tmp_path / "nowhere" / "model", "cpu")
