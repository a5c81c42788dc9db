"""Exactly the published tensors learn."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.model.config import REALCAM_256, REALCAM_512, ModelConfig  # noqa: E402
from server.model.unet.pose_encoder import PoseEncoder  # noqa: E402
from server.model.unet.unet import UNet  # noqa: E402
from server.model.weights import checkpoint  # noqa: E402
from server.training.trained_set import camera_tensors, trained_set  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.support.model.reduced_model import TINY_256  # noqa: E402
from tests.support.model.training_cases import kit_model  # noqa: E402


def shapes(config: ModelConfig) -> dict[str, int]:
    """Number of elements by published key, of a network that takes no memory."""
    with torch.device("meta"):
        found = trained_set(UNet(config.unet), PoseEncoder(config.pose_encoder), config)
    return {key: p.numel() for key, p in found.parameters.items()}


@pytest.mark.parametrize(("config", "total"), [(REALCAM_256, 261_289_280), (REALCAM_512, 261_289_280)])
def test_full_size(config: ModelConfig, total: int) -> None:
    ours = shapes(config)
    assert (len(ours), sum(ours.values())) == (270, total)
    assert not any(key.endswith(".pe") for key in ours)


@pytest.mark.parametrize(("file", "config"), [("256", REALCAM_256), ("256", REALCAM_512), ("tiny", TINY_256)])
def test_names_and_order(training_kit: ParityKit, file: str, config: ModelConfig) -> None:
    listed = training_kit.trained(file)
    ours = shapes(config)
    assert list(ours) == [key for key, _ in listed]
    assert list(ours.values()) == [int(torch.tensor(shape).prod()) for _, shape in listed]


def test_what_is_handed_out_is_what_the_sampler_reads(kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    tensors = camera_tensors(model)
    assert len(tensors) == 278
    assert all(checkpoint.CAMERA_KEY.search(key) for key in tensors)
    assert set(tensors) - set(trained.parameters) == {key for key in tensors if key.endswith(".pe")}
    frozen = [p for part in model.parts().values() for p in part.parameters() if p.requires_grad]
    assert len(frozen) == len(trained.parameters)
