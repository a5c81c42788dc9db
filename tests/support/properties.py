"""How many examples a property test draws, and whether they are the same ones every time.

By default Hypothesis is derandomised: the same examples on every machine, in every order of the tests and on every
worker of pytest-xdist, so that a change of the code alone can make the suite fail. `make fuzz` sets REALCAM_FUZZ=N:
N times as many examples, other ones each time; what fails is kept in .hypothesis/ and tried first the next time. What
it finds becomes an `@example` of its test.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

FUZZ = int(os.environ.get("REALCAM_FUZZ", "0"))
"""How many times as many examples, drawn at random; 0: the default's, the same ones every time."""

DEFAULT_EXAMPLES = 100


def examples(count: int, **others: int) -> settings:
    """Settings (a decorator) of a property test that draws `count` examples by default."""
    return settings(max_examples=count * max(FUZZ, 1), **others)


def load_profile() -> None:
    """Load the profile that REALCAM_FUZZ asks for. Before a test module is imported: its settings copy the profile's.

    Neither profile fails a test for the time that an example takes.
    """
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "same", derandomize=True, database=None, deadline=None, print_blob=True, suppress_health_check=slow
    )
    settings.register_profile(
        "fuzz",
        max_examples=DEFAULT_EXAMPLES * max(FUZZ, 1),
        deadline=None,
        print_blob=True,
        suppress_health_check=slow,
    )
    settings.load_profile("fuzz" if FUZZ else "same")
    if not FUZZ:
        _draw_no_constants_of_imported_modules()


def _draw_no_constants_of_imported_modules() -> None:
    """Hypothesis also draws constants out of the modules of this project that are imported by then, which differ with
    the tests that ran before in the same process. There is no setting for it."""
    providers.is_local_module_file = lambda path: False
