"""Take: the record of one finished clip and what made it. No bpy."""

from __future__ import annotations

import msgspec

from ..core.camera.frame_fit import FrameFit
from ..core.payloads.shot import ShotSettings


class PhotoState(msgspec.Struct, frozen=True, kw_only=True):
    """The photo's scene when a take was sent, by which the take's camera can be understood after changes.

    imported_at: which photo. scale: true metres for each metre of its depth. intrinsics: [3, 3], photo pixels.
    """

    imported_at: float
    scale: float
    intrinsics: list[list[float]]


class ShotPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a clip belongs in the artist's scene.

    artist_width, artist_height, pixel_aspect (x/y): the scene's render, after its percentage, that the clip is laid
    back onto. frame_start, frame_end: the scene frames of its first and last frame.
    """

    artist_width: int
    artist_height: int
    pixel_aspect: float = 1.0
    frame_start: int
    frame_end: int


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """One finished clip and what made it.

    folder: where its files are, as Blender writes it: `//realcam/<shot>/take_001`.
    folder_when_made: the same, absolute, for a .blend that was saved elsewhere since.
    frames: how many the clip has, of width x height pixels.
    frame_start, frame_end: the scene frames of its first and last frame.
    artist_width, artist_height, pixel_aspect (x/y): the render, after its percentage, that the clip was made for.
    created: ISO 8601, UTC. photo: None for takes of folders that do not tell.
    last_image: the file the clip was to end at, as the artist typed it, "" for none.
    notes: what the engine said of it besides, in sentences: words of the prompt that it did not read, say.
    """

    shot: str
    number: int
    folder: str
    folder_when_made: str
    frames: int
    width: int
    height: int
    frame_start: int
    frame_end: int
    artist_width: int
    artist_height: int
    pixel_aspect: float
    settings: ShotSettings
    engine_version: str = ""
    draft: bool = False
    seconds: float = 0.0
    camera: str = ""
    job_id: str = ""
    created: str = ""
    photo: PhotoState | None = None
    last_image: str = ""
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> int:
        """How many scene frames the shot lasts."""
        return self.frame_end - self.frame_start + 1

    @property
    def fit(self) -> FrameFit:
        """How the artist's frame lies inside the clip's."""
        return FrameFit((self.artist_width, self.artist_height), (self.width, self.height), (self.pixel_aspect, 1.0))

    @property
    def label(self) -> str:
        """`Camera, take 2`."""
        return f"{self.shot}, take {self.number}"

    @property
    def thumbnail(self) -> str:
        """The file inside the folder that stands for the clip: its middle frame."""
        return frame_file(self.frames // 2)


def frame_file(index: int) -> str:
    """The file of a clip's frame inside its folder."""
    return f"frames/{index:04d}.png"
