"""The law that fits known distances best: least squares of relative errors, without the points that fit no law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Bool, Float64, Floats
from ...errors import PhotoError
from .depth_law import FARTHEST, NEAREST, DepthLaw, Gives, Numbers, read_numbers
from .known_points import KnownPoints, check_points

ENOUGH_TO_DOUBT = 5
"""Points from which one that fits no law is left out. Of fewer nobody can tell which is wrong."""
PAIRS_OF = 40
"""Points at most whose pairs are tried as the beginning of a robust fit."""
TUKEY = 4.685
"""Standard deviations beyond which Tukey's weight of an error is zero."""
MOST_LEFT_OUT = 1 / 3
"""Share of the points that may be left out. Where more fit no law, which of them are wrong is not known either."""
SMALLEST_SPREAD = 0.01
"""Standard deviation of the relative errors that is assumed at least: nobody measures better."""
FITS_WELL = 0.003
"""Relative error below which a law is not worse than another."""
CLEARLY_BETTER = 1.5
"""The other law is taken where the usual one's error is this many times as large."""
MOST_TOO_NEAR, MOST_TOO_FAR = 0.25, 0.75
"""Shares of the picture which a law may not put before its nearest and beyond its farthest distance. Sky is far."""
SPOILS = 0.01
"""Share of the picture before the nearest distance from which another law is preferred."""

_FORMS: dict[Numbers, tuple[tuple[bool, Gives], ...]] = {
    "relative": ((False, "depth"), (False, "inverse")),
    "reciprocal": ((True, "depth"), (True, "inverse")),
    # Metres by mistake may be inverse depth.
    "metric": ((False, "depth"), (True, "inverse"), (False, "inverse")),
}
"""(reciprocal, gives) of the laws that a picture's numbers may follow."""


@dataclass(frozen=True, eq=False)
class DepthFit:
    """A law and how well the known points follow it.

    Attributes:
        law: numbers to metres.
        residuals: [N] float64, the law's metres over the given ones, minus 1.
        kept: [N] bool, False for points that were left out because they fit no law together with the others.
        too_near: share of the picture that the law's nearest limit holds back.
        too_far: the same of the farthest.
    """

    law: DepthLaw
    residuals: Float64
    kept: Bool
    too_near: float
    too_far: float

    @property
    def exact(self) -> bool:
        """Whether the points determine the law and nothing more: their residuals are zero whatever they are."""
        return int(self.kept.sum()) <= 2

    @property
    def residual(self) -> float:
        """Root mean square of the relative errors of the points that were kept."""
        return float(np.sqrt(np.mean(self.residuals[self.kept] ** 2)))


def fit_depth(points: KnownPoints, numbers: Numbers, picture: Floats, gives: Gives | None = None) -> DepthFit:
    """The law that known points follow.

    Which way the numbers run (near is high or low) is what the points say. Whether they run with the distance or with
    its inverse is fitted both ways from three points on; between laws that do about as well, and with two points, the
    usual one is taken: where near is high the inverse, as networks give it, else the distance; of metres the distance.

    The fit minimises relative errors of the distance. From ENOUGH_TO_DOUBT points on Tukey's weights leave out points
    that fit no law, beginning with the law through two points that has the least median error.

    Args:
        points: two or more.
        numbers: what the picture's numbers are.
        picture: the picture's numbers or a sample of them, NaN where unknown: a law must not put much of it behind the
            camera.
        gives: to fit this one only.

    Raises:
        PhotoError: the points cannot determine a law, or the only laws through them put much of the picture behind the
            camera or beyond infinity.
    """
    check_points(points, picture)
    forms = [form for form in _FORMS[numbers] if gives in (None, form[1])]
    fits = [_fit(points, reciprocal, way, picture) for reciprocal, way in forms]
    possible = [fit for fit in fits if fit is not None and not _refused(fit)]
    if not possible:
        raise _impossible(points, [fit for fit in fits if fit is not None])
    return _best(possible, numbers)


def _best(fits: list[DepthFit], numbers: Numbers) -> DepthFit:
    """The usual one of several laws, unless another does clearly better."""
    chosen, *others = sorted(fits, key=lambda fit: not _is_usual(fit.law, numbers))
    for other in others:
        better = not chosen.exact and chosen.residual > CLEARLY_BETTER * max(other.residual, FITS_WELL)
        if other.too_near <= SPOILS and (better or chosen.too_near > SPOILS):
            chosen = other
    return chosen


def _is_usual(law: DepthLaw, numbers: Numbers) -> bool:
    if numbers == "metric":
        return law.farther_is_higher and law.gives == "depth"
    # What the file held, before it was read as metres by a guess.
    near_is_high = law.farther_is_higher == law.reciprocal
    return near_is_high == (law.gives == "inverse")


def _fit(points: KnownPoints, reciprocal: bool, gives: Gives, picture: Floats) -> DepthFit | None:
    """The best law of one form; None when none of it is positive at the points that were kept."""
    values = read_numbers(points.numbers, reciprocal)
    if not np.isfinite(values).all():
        return None
    wanted = 1 / points.metres if gives == "inverse" else points.metres
    # Relative errors of the distance: to first order the same in the distance and in its inverse.
    rows = np.stack([values, np.ones_like(values)], axis=1) / wanted[:, None]
    line, kept = _robust_line(rows) if len(values) >= ENOUGH_TO_DOUBT else (_line(rows), np.ones(len(values), bool))
    if line is None or line[0] == 0 or not (rows[kept] @ line > 0).all():
        return None
    law = DepthLaw(
        reciprocal=reciprocal,
        gives=gives,
        slope=float(line[0]),
        offset=float(line[1]),
        nearest=min(NEAREST, float(points.metres.min()) / 2),
        farthest=max(FARTHEST, float(points.metres.max()) * 2),
    )
    residuals = law.unlimited(points.numbers) / points.metres - 1
    return DepthFit(law, residuals, kept, *law.limited_shares(picture))


def _line(rows: Float64, weights: Float64 | None = None) -> Float64 | None:
    """[2] slope and offset for which rows @ line is nearest to 1; None where they do not determine it."""
    root = np.ones(len(rows)) if weights is None else np.sqrt(weights)
    size = np.abs(rows).max(axis=0)
    solved, _, rank, _ = np.linalg.lstsq(rows / size * root[:, None], root, rcond=1e-12)
    return np.asarray(solved / size, dtype=np.float64) if rank == 2 else None


def _robust_line(rows: Float64) -> tuple[Float64 | None, Bool]:
    some = rows[np.unique(np.linspace(0, len(rows) - 1, PAIRS_OF).astype(int))]
    line = _best_of_pairs(some)
    if line is None:
        return None, np.ones(len(rows), dtype=np.bool_)
    weights = np.ones(len(rows))
    for _ in range(20):
        errors = np.abs(rows @ line - 1)
        # The median of few errors is too small: two of them are zero by construction (Rousseeuw and Leroy).
        spread = max(1.4826 * (1 + 5 / (len(rows) - 2)) * float(np.median(errors)), SMALLEST_SPREAD)
        weights = np.maximum(1 - (errors / (TUKEY * spread)) ** 2, 0.0) ** 2
        better = _line(rows, weights)
        if better is None or np.allclose(better, line, rtol=1e-12, atol=0):
            break
        line = better
    kept = np.asarray(weights > 0)
    return (line, kept) if np.mean(~kept) <= MOST_LEFT_OUT else (_line(rows), np.ones(len(rows), dtype=np.bool_))


def _best_of_pairs(rows: Float64) -> Float64 | None:
    """[2] the line through two of the rows that has the least median error over all of them; None where none has."""
    first, second = np.triu_indices(len(rows), 1)
    (a, b), (c, d) = rows[first].T, rows[second].T
    determinant = a * d - b * c
    with np.errstate(divide="ignore", invalid="ignore"):
        lines = np.stack([d - b, a - c], axis=1) / determinant[:, None]
    lines = lines[np.isfinite(lines).all(axis=1)]
    if not len(lines):
        return None
    errors = np.median(np.abs(lines @ rows.T - 1), axis=1)
    return np.asarray(lines[np.argmin(errors)], dtype=np.float64)


def _refused(fit: DepthFit) -> bool:
    return fit.too_near > MOST_TOO_NEAR or fit.too_far > MOST_TOO_FAR


def _impossible(points: KnownPoints, fits: list[DepthFit]) -> PhotoError:
    if not fits:
        given = ", ".join(f"{metres:g}" for metres in points.metres[:6])
        return PhotoError(
            "No law of the picture's numbers gives these distances",
            f"the distances {given} m follow neither the numbers nor their inverse",
            "Check each point: where it stands, and its distance.",
        )
    least = min(fits, key=lambda fit: fit.too_near + fit.too_far)
    where = "at the camera or behind it" if least.too_near > MOST_TOO_NEAR else "beyond infinity"
    share = least.too_near if least.too_near > MOST_TOO_NEAR else least.too_far
    return PhotoError(
        "These distances cannot be meant",
        f"{share:.0%} of the picture would be {where}",
        "Check each point's distance, and add points that are nearer and farther than these.",
    )
