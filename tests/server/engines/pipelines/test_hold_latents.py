"""Which latents of a piece are held to its preview, and to what."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.diffusion.flow.hold import HoldSpan
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.holding.hold_latents import as_tokens, check_hold, hold_span, piece_noise, scene_hold
from server.engines.pipelines.holding.hold_options import BEGUN_UNTIL, HELD_UNTIL, hold_options
from tests.support.shots import sideways

STEP, CELL, WIDTH, HEIGHT, FRAMES = 4, 16, 128, 64, 9
SPAN = HoldSpan("noisy", 0.9)


def piece(hole: tuple[slice, slice, slice], border: int = 0) -> Piece:
    """A grey piece, seen everywhere but in the hole [frames, rows, columns] and in a border that is cut off."""
    preview = np.full((FRAMES, HEIGHT, WIDTH, 4), 200, np.uint8)
    preview[..., 3] = 255
    preview[hole] = 0
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[border : HEIGHT - border, border : WIDTH - border] = True
    preview[:, ~inside] = 0
    shot = Shot(
        sideways(FRAMES, WIDTH, HEIGHT),
        preview,
        np.zeros((4, 4, 3), np.uint8),
        np.eye(3),
        np.ones((4, 4), np.float32),
        ShotSettings(engine="wan-i2v"),
    )
    return Piece(shot, FRAMES, inside, np.zeros((0, HEIGHT, WIDTH, 3), np.uint8), True, True, seed=5)


def encode(frames: UInt8) -> Tensor:
    """The mean colour of each latent's first frame, as a latent."""
    cells = torch.from_numpy(frames[[0, 1, 5], ..., 0].astype(np.float32)).view(3, HEIGHT // CELL, CELL, -1, CELL)
    return cells.mean(dim=(2, 4))[None, None]


def test_a_hole_in_any_frame_of_a_latent_frees_its_cell_and_those_beside_it() -> None:
    held = scene_hold(piece((slice(7, 8), slice(20, 21), slice(100, 101))), encode, STEP, CELL, SPAN)
    free = held.seen[0, 0] == 0
    assert free[0].all(), "the first latent is the pipeline's own"
    assert not free[1].any()
    assert np.argwhere(free[2].numpy()).tolist() == [[y, x] for y in (0, 1, 2) for x in (5, 6, 7)]
    assert held.reach[0, 0, 0].max() == 0
    assert held.reach[0, 0, 1:].min() == 1
    assert (held.latents[0, 0, 1:] == 200).all(), "holes are filled before they are encoded"


def test_the_border_that_is_cut_off_again_is_no_hole() -> None:
    held = scene_hold(piece((slice(0), slice(0), slice(0)), border=6), encode, STEP, CELL, SPAN)
    assert held.seen[:, :, 1:].all()
    assert (held.latents == 200).all()


def test_the_noise_is_what_the_pipeline_draws_itself() -> None:
    made = randn_tensor((1, 4, 3, 2, 2), generator=torch.Generator().manual_seed(5), device=torch.device("cpu"))
    assert torch.equal(piece_noise((1, 4, 3, 2, 2), 5), made)


def test_tokens_are_the_latents_of_one_place_each() -> None:
    whole = scene_hold(piece((slice(7, 8), slice(20, 21), slice(100, 101))), encode, STEP, CELL, SPAN)
    tokens = as_tokens(whole)
    assert tokens.latents.shape == (1, 3 * 4 * 8, 1)
    assert torch.equal(tokens.seen[0, :, 0], whole.seen.flatten())


def test_what_cannot_be_held_or_made_is_refused() -> None:
    whole = piece((slice(0), slice(0), slice(0)))
    hidden = piece((slice(1, None), slice(None), slice(None)))
    check_hold(whole.shot.preview, whole.inside, STEP, CELL, SPAN)
    with pytest.raises(EngineError, match="shows nothing"):
        check_hold(hidden.shot.preview, hidden.inside, STEP, CELL, SPAN)
    with pytest.raises(EngineError, match="Nothing is left"):
        check_hold(whole.shot.preview, whole.inside, STEP, CELL, HoldSpan("clean", 0.0))


def test_the_defaults_are_the_published_settings_as_noise_levels() -> None:
    defaults = {option.name: option.default for option in hold_options("dual")}
    assert defaults == {"hold": "dual", "hold_until": HELD_UNTIL, "begin_until": BEGUN_UNTIL}
    assert (HELD_UNTIL, BEGUN_UNTIL) == (0.948, 0.986)
    assert hold_span("off", 0.5, 0.9) is None
    assert hold_span("dual", 0.5, 0.9) == HoldSpan("dual", 0.5, 0.9)
