"""Take: the record of one finished clip and what made it. No bpy."""

from __future__ import annotations

import msgspec

from ..core.camera.frame_fit import FrameFit
from ..core.payloads.shot import ShotSettings


class PhotoState(msgspec.Struct, frozen=True, kw_only=True):
    """The photo's scene when a take was sent, by which the take's camera can be understood after changes.

    Attributes:
        imported_at: Seconds since 1970 when the photo was imported; says which photo it is.
        scale: How much farther from the photo's camera cameras stood than if the depth were as imported.
        intrinsics: [3, 3] row by row, in the photo's pixels.
    """

    imported_at: float
    scale: float
    intrinsics: list[list[float]]


class ShotPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a clip belongs in the artist's scene.

    Attributes:
        artist_width: Pixels of the scene's render, after its percentage, that the clip is laid back onto.
        artist_height: The same.
        pixel_aspect: x / y of the render's pixels.
        frame_start: The scene frame of the clip's first frame.
        frame_end: The scene frame of its last frame, included.
    """

    artist_width: int
    artist_height: int
    pixel_aspect: float = 1.0
    frame_start: int
    frame_end: int


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """One finished clip and what made it.

    Attributes:
        shot: The shot's name.
        number: Counts the takes of a shot, from 1.
        folder: Where its files are, as Blender writes it: `//realcam/<shot>/take_001`.
        folder_when_made: The same, absolute, for a .blend that was saved elsewhere since.
        frames: How many frames the clip has.
        width: Pixels of the clip.
        height: Pixels of the clip.
        frame_start: The scene frame of the clip's first frame.
        frame_end: The scene frame of its last frame, included.
        artist_width: Pixels of the render, after its percentage, that the clip was made for.
        artist_height: The same.
        pixel_aspect: x / y of that render's pixels.
        settings: What the artist chose.
        engine_version: The version of the engine that made it, "" if unknown.
        draft: Whether the engine made it by geometry alone.
        seconds: How long the engine took.
        camera: The Blender camera's name, "" if unknown.
        camera_library: The file that the camera is linked from, as Blender writes it; "" for one of the .blend itself;
            None in takes of versions that did not tell.
        job_id: The job that made it, "" if unknown.
        created: ISO 8601, UTC.
        photo: The photo's scene when it was sent; None for takes whose folders do not tell.
        last_image: The file that the clip was to end at, as the artist typed it, "" for none.
        name: What the artist calls it, "" for nothing.
        rating: The artist's stars, 1 to 5; 0 for none.
        notes: What else the engine said of it, in sentences; words of the prompt that it did not read, say.
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
    name: str = ""
    rating: int = 0
    camera_library: str | None = None

    @property
    def duration(self) -> int:
        """How many scene frames the shot lasts."""
        return self.frame_end - self.frame_start + 1

    @property
    def fit(self) -> FrameFit:
        """How the artist's frame lies in the clip's."""
        return FrameFit((self.artist_width, self.artist_height), (self.width, self.height), (self.pixel_aspect, 1.0))

    @property
    def label(self) -> str:
        """The shot and the take's number, as in `Camera, take 2`."""
        return f"{self.shot}, take {self.number}"

    @property
    def thumbnail(self) -> str:
        """The file that stands for the clip, relative to the take's folder: its middle frame."""
        return frame_file(self.frames // 2)


def frame_file(index: int) -> str:
    """The file of a clip's frame, relative to the take's folder."""
    return f"frames/{index:04d}.png"
