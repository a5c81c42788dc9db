"""Which of a clip's solves is reported, whether the others agree with it, and what makes it doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender_addon.core.camera.trajectory import inverse
from server.reconstruction.camera_search import ASKED, Candidate
from server.reconstruction.path_difference import PathDifference, path_difference

from .solve import Trial

POOR = 0.5
"""Share of the observations that a camera must explain to be relied on."""
SMALL_ANGLE = 0.5
"""Median triangulation angle in degrees below which the distances of a path are uncertain."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the solves of a clip say together.

    Attributes:
        reported: index of the solve that every number, sentence and picture is of; None when none found a camera.
        agrees: [trials] whether each solve found the reported one's path; False for one without a camera.
        doubts: sentences on why the reported camera may be wrong.
    """

    reported: int | None
    agrees: tuple[bool, ...]
    doubts: tuple[str, ...]


def consensus(trials: Sequence[Trial]) -> Consensus:
    """Choose the solve that is reported: the one whose camera fits the pictures best.

    Args:
        trials: the solves; those without frame 0 cannot be compared with the camera asked for, and are not chosen.
    """
    usable = {i: trial.best for i, trial in enumerate(trials) if trial.best is not None and _has_first_frame(trial)}
    if not usable:
        return Consensus(None, (False,) * len(trials), ())
    reported = min(usable, key=lambda i: usable[i].fit.error)
    best = usable[reported]
    others = {i: _difference(best, other) for i, other in usable.items()}
    agrees = tuple(i in others and others[i].same for i in range(len(trials)))
    doubts = [*_disagreement(best, usable, others), *_own_doubts(trials[reported])]
    return Consensus(reported, agrees, tuple(doubts))


def _has_first_frame(trial: Trial) -> bool:
    return trial.model is not None and bool(trial.model.placed[0])


def _difference(best: Candidate, other: Candidate) -> PathDifference:
    return path_difference(inverse(other.poses), inverse(best.poses))


def _disagreement(best: Candidate, usable: dict[int, Candidate], others: dict[int, PathDifference]) -> list[str]:
    away = [i for i, difference in others.items() if not difference.same]
    if not away:
        return []
    degrees, share = max(others[i].degrees for i in away), max(others[i].share for i in away)
    fits = sorted(usable[i].fit.inliers for i in away)
    explained = f"{fits[0]:.0%}" if len(away) == 1 else f"{fits[0]:.0%} to {fits[-1]:.0%}"
    return [
        f"{len(away)} of {len(usable)} solves found another camera (up to {degrees:.2g}° and {share:.0%} of the path "
        f"away). The numbers are of the one that fits the pictures best: it explains {best.fit.inliers:.0%} of what "
        f"can be followed through them, the other{'s' if len(away) > 1 else ''} {explained}."
    ]


def _own_doubts(trial: Trial) -> list[str]:
    found, best = trial.found, trial.best
    assert found is not None
    assert best is not None
    doubts = []
    if best.fit.inliers < POOR:
        doubts.append(
            f"The camera explains only {best.fit.inliers:.0%} of what can be followed through the pictures: do not "
            "rely on it."
        )
    if found.rival is not None:
        difference = _difference(best, found.rival)
        doubts.append(
            f"The pictures do not decide between two cameras that are {difference.degrees:.2g}° and "
            f"{difference.share:.0%} of the path apart; this one "
            f"{'started from' if best.start == ASKED else 'knows nothing of'} the camera asked for."
        )
    elif best.start == ASKED:
        doubts.append(
            "Only a search that began at the camera asked for led to this one; it explains the pictures clearly better "
            "than what other searches found."
        )
    if not best.still and best.fit.angle < SMALL_ANGLE:
        doubts.append(
            f"The pictures show little parallax ({best.fit.angle:.2g}° in the middle): where the camera stands is "
            "uncertain."
        )
    if np.isfinite(best.fit.held_out) and best.fit.held_out < best.fit.inliers - 0.15:
        doubts.append(
            f"Of the points that the camera was not fitted to it explains {best.fit.held_out:.0%}, of all "
            f"{best.fit.inliers:.0%}: do not rely on it."
        )
    return doubts
