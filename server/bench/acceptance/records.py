"""What an acceptance run writes down, as JSON."""

from __future__ import annotations

import msgspec

from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.protocol.capability import EngineCapability, SettingValue


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What every clip of a run has in common. A folder holds clips of one such alone.

    Attributes:
        engine: name of the engine.
        width, height: of the clips, pixels.
        frames: of each clip.
        seed: of each clip.
        options: of the engine, those that differ from the defaults.
        random_weights: whether the network has random weights: then no picture means anything.
    """

    engine: str
    width: int
    height: int
    frames: int
    seed: int = 0
    options: dict[str, SettingValue] = {}
    random_weights: bool = False


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where the clips were made. No names of people, machines or folders are among it.

    Attributes:
        system: name and release of the operating system.
        processor: its model.
        cores: that the process may use.
        memory_bytes: that the process may use.
        card: model of the first graphics card that PyTorch sees, "" for none.
        card_bytes: its memory, 0 for none.
        cuda: that PyTorch was built for, "" for none.
        unused_card: why a card that is there is not used, "" for nothing.
        versions: of RealCam, Python and the packages that matter, by name.
    """

    system: str
    processor: str
    cores: int
    memory_bytes: int
    card: str = ""
    card_bytes: int = 0
    cuda: str = ""
    unused_card: str = ""
    versions: dict[str, str] = {}


class WeightsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The weights that are installed for the engine.

    Attributes:
        name: by which they are got.
        repo: owner/name on the hub.
        revision: the commit, "" where it is not known.
        sha256: of all files.
    """

    name: str
    repo: str
    revision: str
    sha256: str


class StageSeconds(msgspec.Struct, frozen=True, kw_only=True):
    """How long an engine said that it was doing something. A memory plan is told by the stage that loads the model."""

    stage: str
    seconds: float


class MakingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a clip was made.

    Attributes:
        seconds: from the shot to the engine's finished frames.
        steps: that the engine counted.
        seconds_a_step: the median over the steps after the first; None with fewer than two.
        stages: in order.
        card_peak_bytes: the most memory of the card that was in use by tensors; 0 without a card.
        card_reserved_bytes: the most that PyTorch held of it.
        card_calculated_bytes: what the engine's memory plans calculate for this clip, by plan; empty where they do not.
        process_peak_bytes: the most memory of the machine that the process had since it began.
        engine_version: code, dtype, device and memory plan, as the clip tells them.
        weights_hash: as the clip tells it.
        notes: of the clip.
    """

    seconds: float
    steps: int
    seconds_a_step: float | None
    stages: tuple[StageSeconds, ...]
    card_peak_bytes: int
    card_reserved_bytes: int
    card_calculated_bytes: dict[str, int]
    process_peak_bytes: int
    engine_version: str
    weights_hash: str
    notes: tuple[str, ...] = ()


class CameraFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The camera that a clip shows, as Check Camera finds it. evaluation.json beside it has all of it.

    Attributes:
        solved_frames: of the clip, spread evenly, from which it was solved.
        solves, failed: how often it was solved, and how often not every frame could be placed.
        followed: metres travelled over metres asked; None where that is not known, or nothing was to be travelled.
        turned: angle turned at the last frame over the angle asked; None where no turn was asked.
        degrees: mean error of the frames' rotation; None where no frame was placed.
        metres: mean error of their places.
        rot_err, trans_err: published sums over the solved frames, TransErr normalised.
        findings: sentences of the check.
        seconds: that it took.
    """

    solved_frames: int
    solves: int
    failed: int
    followed: float | None
    turned: float | None
    degrees: float | None
    metres: float | None
    rot_err: float | None
    trans_err: float | None
    findings: tuple[str, ...]
    seconds: float


class TruthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How like the truth a clip is, PSNR in dB over all compared pixels together; None where there are none.

    Attributes:
        frames: that are compared.
        preview_seen: of the preview itself, where it sees the photo: what a second camera's light and lens cost.
        seen, unseen: of the engine's own frames, where the preview sees the photo and where it does not.
        kept_seen, kept_unseen: of the frames over which the photo was laid back.
    """

    frames: tuple[int, ...]
    preview_seen: float | None
    seen: float | None
    unseen: float | None
    kept_seen: float | None
    kept_unseen: float | None


class ClipRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One clip.

    Attributes:
        name: of its folder.
        scene, move: what was filmed.
        failure: why there is no clip, "" where there is one.
        traceback: of a failure that nobody foresaw.
        prompt: that was given.
        seen: mean share of the frames that the photo sees.
        making: how it was made.
        drift: of the engine's own frames from the preview where that sees the photo.
        camera: that its own frames show.
        camera_unmeasured: why there is no camera.
        truth: how like the true pictures it is, where these are known.
    """

    name: str
    scene: str
    move: str
    failure: str = ""
    traceback: str = ""
    prompt: str = ""
    seen: float = 0.0
    making: MakingFigures | None = None
    drift: SeenDrift | None = None
    camera: CameraFigures | None = None
    camera_unmeasured: str = ""
    truth: TruthFigures | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run: acceptance.json.

    Attributes:
        asked: what its clips have in common.
        machine: where it ran last.
        engine: what the engine said of itself there.
        weights: those installed.
        clips: those made, and those that failed.
        not_made: names of the others.
    """

    asked: Asked
    machine: MachineFacts
    engine: EngineCapability
    weights: tuple[WeightsFacts, ...]
    clips: tuple[ClipRecord, ...]
    not_made: tuple[str, ...]
