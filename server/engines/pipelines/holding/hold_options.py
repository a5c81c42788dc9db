"""Options of engines that hold the preview on flow-matching models, and their defaults. Needs no torch."""

from __future__ import annotations

from typing import Literal

from blender_addon.core.protocol.capability import EngineOption
from server.diffusion.flow.noise_level import level_of_step, level_of_timestep
from server.diffusion.schedule import noise_schedule
from server.model.config import V_SCHEDULE

Hold = Literal["dual", "noisy", "clean", "off"]

HELD_UNTIL = round(level_of_timestep(noise_schedule(V_SCHEDULE), 900), 3)
"""The level of RealCam's published setting, timestep 900, on its weights for 512 pixels and more."""

BEGUN_UNTIL = round(level_of_step(2, 50, shift=3.0), 3)
"""The level of Time-to-Move's published setting for moved cameras: everything begins at step 2 of 50, at shift 3."""


def hold_options(default: Hold) -> tuple[EngineOption, ...]:
    """The options `hold`, `hold_until` and `begin_until`.

    Args:
        default: of `hold`.
    """
    return (
        EngineOption(
            name="hold",
            label="Hold to the preview",
            description="Early steps are held to the scene's preview where it shows the photo: in the noisy picture, "
            "with everything else beginning from the filled preview too (dual), in the noisy picture alone (noisy), "
            "in the clean prediction (clean), or not at all",
            kind="choice",
            default=default,
            choices=("dual", "noisy", "clean", "off"),
        ),
        EngineOption(
            name="hold_until",
            label="Hold until noise level",
            description="From pure noise, 1, down to this level the preview is held: lower follows it more closely "
            f"and repairs it less. {HELD_UNTIL} has the signal-to-noise ratio of RealCam's published timestep 900",
            kind="float",
            default=HELD_UNTIL,
            minimum=0.0,
            maximum=1.0,
        ),
        EngineOption(
            name="begin_until",
            label="Begin from the preview until noise level",
            description="With dual: down to this level also what the photo does not show is held to the filled "
            f"preview. {BEGUN_UNTIL} is what Time-to-Move publishes for camera moves",
            kind="float",
            default=BEGUN_UNTIL,
            minimum=0.0,
            maximum=1.0,
        ),
    )
