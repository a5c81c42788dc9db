"""Relative poses, rays and epipolar masks against the published numbers."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.geometry import epipolar, plucker, relative_poses  # noqa: E402
from server.geometry.relative_poses import PUBLISHED  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402

CASES = ("sq_B2_cond02", "rect64x128_depthscale", "zero_translation", "pure_pan_512cfg", "varying_K", "unet128_B2")


class Case:
    """The inputs of one case, and what our code makes of them with the published conventions."""

    def __init__(self, kit: ParityKit, name: str) -> None:
        prefix = f"{name}."
        self.golden = {n.removeprefix(prefix): t for n, t in kit.tensors("geometry").items() if n.startswith(prefix)}
        self.outputs = {n.removeprefix(prefix) for n in kit.names("geometry", prefix)}
        g = self.golden
        self.height, self.width = (int(v) for v in g["HW"])
        self.relative = relative_poses.relative_poses(
            torch.linalg.inv(g["w2c"]), g["cond_frame_index"], g["trace_scale_factor"], g.get("per_frame_scale")
        )
        self.pairs = relative_poses.pair_poses(self.relative)
        self.noise = g["perturbation_noise"][..., 0]
        self.translation = relative_poses.baselines(self.pairs, self.relative, PUBLISHED, self.noise)
        self.fundamental = epipolar.fundamental_matrices(self.relative, g["K"], PUBLISHED, self.noise)
        self.rays = plucker.plucker_rays(self.relative, g["K"], self.height, self.width)


@pytest.mark.parametrize("name", CASES)
def test_poses_and_fundamental_matrices(kit: ParityKit, name: str) -> None:
    case = Case(kit, name)
    ours: dict[str, Any] = {
        "relative_c2w": case.relative,
        "pair_RT": case.pairs,
        "t_perturbed": case.translation[..., None],
        "F": case.fundamental,
        "F_normalised": case.fundamental / case.fundamental.norm(dim=(-2, -1), keepdim=True),
    }
    for short, values in ours.items():
        kit.check("geometry", f"{name}.{short}", values)


@pytest.mark.parametrize("name", CASES)
def test_plucker_rays(kit: ParityKit, name: str) -> None:
    case = Case(kit, name)
    if "plucker" in case.outputs:
        kit.check("geometry", f"{name}.plucker", case.rays)
        return
    statistics = torch.stack([case.rays.mean(dim=(-2, -1)), case.rays.std(dim=(-2, -1))])
    kit.check("geometry", f"{name}.plucker_sub", case.rays[..., ::8, ::8])
    kit.check("geometry", f"{name}.plucker_mean_std", statistics)


@pytest.mark.parametrize("name", CASES)
def test_epipolar_masks(kit: ParityKit, name: str) -> None:
    case = Case(kit, name)
    cells = [int(n.split("_d")[1].split("_")[0]) for n in case.outputs if n.endswith("_packed")]
    assert cells
    for cell in cells:
        ours = epipolar.epipolar_mask(case.fundamental, case.height, case.width, cell, PUBLISHED)
        kit.check_mask("geometry", f"{name}.epipolar_mask_d{cell}_packed", ours)
        short = f"epipolar_mask_d{cell}_true_fraction"
        kit.check("geometry", f"{name}.{short}", ours.float().mean(dim=(1, 2)))
        rows = epipolar.epipolar_mask_rows(case.fundamental[0], 1, case.height, case.width, cell, PUBLISHED)
        count = len(rows)
        assert torch.equal(rows, ours[0, count : 2 * count]), "one frame's rows are those of the dense mask"


def test_depth_scale_is_the_reference_frame_s(kit: ParityKit) -> None:
    """The published code picks it out first; ours shows in how far the camera went."""
    name = "rect64x128_depthscale"
    g, scaled = Case(kit, name).golden, Case(kit, name).relative[0, :, :3, 3]
    plain = relative_poses.relative_poses(torch.linalg.inv(g["w2c"]), g["cond_frame_index"], g["trace_scale_factor"])
    moved = plain[0, :, :3, 3].abs() > 0.01
    ratio = (scaled[moved] / plain[0, :, :3, 3][moved]).double()
    assert torch.allclose(ratio, g["depth_scale"].double().expand_as(ratio), rtol=1e-6)
    kit.held("geometry", f"{name}.depth_scale")
