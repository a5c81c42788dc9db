"""A shot as VACE's control: which pixels it keeps, exact grey where it makes the picture, the photo, the last image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.payloads.shot import Shot
from server.demo.motorcycle import Motorcycle
from server.engines.pipelines.fitting.clip_rule import padded_in_time
from server.engines.pipelines.fitting.piece import Piece
from server.engines.vace.conditions import Conditions, conditions, letterboxed, unseen_frames
from server.engines.vace.rule import RULE
from tests.support.engines.pipeline_shots import holed_shot

NOTHING_GIVEN = np.empty((0, 48, 64, 3), np.uint8)


def piece_of(shot: Shot, given: np.ndarray = NOTHING_GIVEN) -> Piece:
    """The whole shot as one piece, at the network's size and frame count."""
    fit = RULE.fit((shot.trajectory.width, shot.trajectory.height))
    frames = len(shot.trajectory)
    fitted = padded_in_time(fit.shot(shot), RULE.frames(frames))
    return Piece(fitted, frames, fit.inside, given, first=not len(given), last=True, seed=0)


def made_of(piece: Piece, margin: int = 0, first_frame: bool = False, reference: bool = False) -> Conditions:
    return conditions(piece, margin, first_frame, reference)


def moved(shot: Shot) -> Shot:
    """The same, a metre to the right of the photo's camera."""
    poses = shot.trajectory.camera_to_world.copy()
    poses[:, 0, 3] += 1
    return replace(shot, trajectory=replace(shot.trajectory, camera_to_world=poses))


def test_arrays_have_five_axes_and_the_clip_s_own_size_and_count(bike: Motorcycle) -> None:
    """Of four axes diffusers takes the width for the height; of another size or count it misplaces all of it."""
    given = made_of(piece_of(holed_shot(bike, "vace", frames=16)))
    assert given.video.shape == (1, 17, 48, 64, 3)
    assert given.mask.shape == (1, 17, 48, 64, 1)
    assert given.video.dtype == given.mask.dtype == np.float32


def test_grey_is_exactly_one_half_wherever_the_picture_is_made(bike: Motorcycle) -> None:
    """128 of 255 is not: the network would take it for a control."""
    given = made_of(piece_of(holed_shot(bike, "vace")), margin=3)
    made = given.mask[0, ..., 0] == 1
    assert made.any()
    assert (given.video[0][made] == np.float32(0.5)).all()


def test_one_is_made_and_nought_is_kept(bike: Motorcycle) -> None:
    shot = holed_shot(bike, "vace", frames=1)
    preview = shot.preview.copy()
    preview[0, 10:20, 30:40, 3] = 0
    preview[0, 25, 5, 3] = 200
    given = made_of(piece_of(moved(replace(shot, preview=preview))))
    mask = given.mask[0, 0, 4:44, :, 0]
    assert set(np.unique(mask)) == {0, 1}
    assert np.array_equal(mask == 1, preview[0, ..., 3] < 255), "a pixel mixed with a hole is made anew too"
    kept = mask == 0
    assert np.allclose(given.video[0, 0, 4:44][kept] * 255, preview[0, ..., :3][kept], atol=1e-4)
    assert (given.mask[0, 0, [0, 47]] == 1).all(), "and so is the border, which is cut off again"


def test_what_one_frame_of_a_latent_does_not_see_is_made_in_all_of_them(bike: Motorcycle) -> None:
    given = made_of(piece_of(holed_shot(bike, "vace", frames=9)))
    made = given.mask[0, :, 20, :, 0].sum(axis=1)
    assert made.tolist() == [0, *[16] * 4, *[32] * 4], "frame k lacks 4 k columns"


def test_the_border_that_is_cut_off_again_is_no_hole(bike: Motorcycle) -> None:
    """The margin would let go of the artist's outermost pixels, which show the photo."""
    given = made_of(piece_of(holed_shot(bike, "vace", frames=1)), margin=8)
    made = given.mask[0, 0, ..., 0]
    assert (made[4:44] == 0).all()
    assert (made[[0, 3, 44, 47]] == 1).all()


def test_the_margin_lets_go_of_torn_edges(bike: Motorcycle) -> None:
    shot = holed_shot(bike, "vace", frames=5)
    made = [made_of(piece_of(shot), margin).mask[0, 4, 20].sum() for margin in (0, 8)]
    assert made == [16, 24]


def test_the_first_frame_is_the_photo_where_the_shot_begins_there(bike: Motorcycle) -> None:
    """Also where the preview has a hole; not beyond the photo, and not for a shot that begins elsewhere."""
    shot = holed_shot(bike, "vace")
    preview = shot.preview.copy()
    preview[0, 10:20, 10:20] = 0
    shot = replace(shot, preview=preview)
    held = made_of(piece_of(shot), first_frame=True)
    assert (held.mask[0, 0, 4:44] == 0).all()
    assert np.allclose(held.video[0, 0, 4:44] * 255, shot.photo[:40, :64], atol=1e-3)
    for other in (made_of(piece_of(moved(shot)), first_frame=True), made_of(piece_of(shot))):
        assert (other.mask[0, 0, 14:24, 10:20] == 1).all()
    wide = replace(shot, photo=np.ascontiguousarray(shot.photo[:, :30]))
    assert (made_of(piece_of(wide), first_frame=True).mask[0, 0, 4:44, 31:] == 1).all()


def test_given_frames_are_kept_whole(bike: Motorcycle) -> None:
    given = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), np.uint8)
    made = made_of(piece_of(holed_shot(bike, "vace", frames=9), given), margin=8, first_frame=True)
    assert (made.mask[0, :5] == 0).all()
    assert np.allclose(made.video[0, :5] * 255, given, atol=1e-4)
    assert (made.mask[0, 5:] == 1).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("frames", [5, 7])
def test_the_last_image_is_the_last_frame_and_what_pads_it(bike: Motorcycle, frames: int) -> None:
    ending = np.full((80, 128, 3), (250, 0, 120), np.uint8)
    shot = replace(holed_shot(bike, "vace", frames=frames), last_image=ending)
    made = made_of(piece_of(shot), margin=8)
    assert (made.mask[0, frames - 1 :, 4:44] == 0).all()
    assert np.allclose(made.video[0, frames - 1 :, 4:44] * 255, ending[0, 0], atol=1e-4)
    assert (made.mask[0, frames - 1 :, :4] == 1).all(), "its border is not the artist's"
    assert (made.mask[0, frames - 2] == 1).any(), "the frames of its latent before it are made"


def test_the_reference_is_the_whole_photo_on_white(bike: Motorcycle) -> None:
    picture = np.asarray(letterboxed(bike.photo, (64, 96)))
    assert picture.shape == (96, 64, 3)
    assert (picture[[0, -1]] == 255).all()
    row = np.flatnonzero((picture < 250).any(axis=(1, 2)))
    assert abs(row[0] + row[-1] - 95) <= 1, "in the middle"
    assert len(row) == round(64 * bike.photo.shape[0] / bike.photo.shape[1])
    piece = piece_of(holed_shot(bike, "vace"))
    assert made_of(piece).reference is None
    assert made_of(piece, reference=True).reference.size == (64, 48)


def test_frames_that_show_nothing_are_known(bike: Motorcycle) -> None:
    preview = holed_shot(bike, "vace", frames=3).preview.copy()
    preview[1, ..., 3] = 0
    preview[2, 5:, ..., 3] = 0
    everywhere = np.ones(preview.shape[1:3], np.bool_)
    assert unseen_frames(preview, 0, everywhere).tolist() == [False, True, False]
    assert unseen_frames(preview, 8, everywhere).tolist() == [False, True, True]
