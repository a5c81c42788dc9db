"""What is compared, as a TOML file says it."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta


class ComparisonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Networks on one base, and how their clips are made.

    Attributes:
        absolute: trainings at absolute scale, alike but for their seeds: folders of `realcam train` or of
            `realcam weights export`, or files of camera modules. A training's running mean is taken, if it kept one.
        relative: at relative scale, likewise.
        basic: at absolute scale for the published form of the latents beside the noise alone, if there are any.
        clips: of the test split, the first ones.
        joined_clips: of these, for loops, interpolations and continuations.
        shown: of these, in the sheets of pictures.
        steps: of the sampling.
        guidance: towards prompt and picture; 1 for none, in half the time.
        camera_guidance: towards the camera; 1 for none.
        guidance_rescale: see GuidanceConfig.
        eta: 0 to 1, fresh noise of each step.
        shaping_until: timesteps from 999 down to this one are held to the preview, in the rows that are.
        seed: of the noise, with the clip's name: every network begins a clip with the same.
    """

    absolute: tuple[str, ...] = ()
    relative: tuple[str, ...] = ()
    basic: tuple[str, ...] = ()
    clips: Annotated[int, Meta(ge=1)] = 192
    joined_clips: Annotated[int, Meta(ge=1)] = 24
    shown: Annotated[int, Meta(ge=0)] = 4
    steps: Annotated[int, Meta(ge=1, le=1000)] = 25
    guidance: Annotated[float, Meta(ge=1.0)] = 5.5
    camera_guidance: Annotated[float, Meta(ge=1.0)] = 1.0
    guidance_rescale: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.7
    eta: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0
    shaping_until: Annotated[int, Meta(ge=0, le=1000)] = 900
    seed: Annotated[int, Meta(ge=0)] = 0

    def digest(self) -> str:
        """Of what decides a clip: 8 hexadecimal digits."""
        decisive = msgspec.structs.replace(self, absolute=(), relative=(), basic=(), clips=0, joined_clips=0, shown=0)
        return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()[:8]
