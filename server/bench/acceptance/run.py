"""The acceptance run of an engine: clips of known scenes, made and measured one by one until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.coverage import coverage
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability, SettingValue
from blender_addon.core.protocol.engine_checks import stated_options
from blender_addon.core.unforeseen import UnforeseenError, in_words, latest_traceback
from server.engines.engine import Engine
from server.engines.keep_seen import KEEP_DETAIL, KEEP_SEEN, laid_back

from .clips import CLIPS, PlannedClip, clip_shot, clip_truth
from .folder import ClipPictures, open_folder, read_clip, write_clip, write_run
from .machine import engine_weights, machine_facts
from .making import made_clip
from .measuring import camera_figures, camera_of, truth_figures
from .records import Asked, ClipRecord, RunRecord
from .scenes import KnownScene, known_scene
from .summary import summary

OnClip = Callable[[ClipRecord], None]
"""Called with each clip that was made or failed."""


class AcceptanceRun:
    """A run whose folder is filled clip by clip; what is there already is not made again.

    Args:
        make: makes the engine; it is made anew after a clip that failed.
        asked: what the clips have in common.
        folder: where everything is written.
        trials: solves of each clip's camera.

    Raises:
        AcceptanceError: the folder holds a run of something else.
    """

    def __init__(self, make: Callable[[], Engine], asked: Asked, folder: Path, trials: int) -> None:
        open_folder(folder, asked)
        self._make, self._asked, self._folder, self._trials = make, asked, folder, trials
        self._engine: Engine | None = None
        self._scenes: dict[str, KnownScene] = {}

    def go(self, plan: Sequence[PlannedClip], seconds: float, on_progress: OnProgress, on_clip: OnClip) -> RunRecord:
        """Make the clips that are not there yet, one at least, and no other that would probably last too long.

        Args:
            plan: those of CLIPS that are wanted, in that order.
            seconds: that the run may take.
            on_progress: is told the engine's progress.
            on_clip: is told each clip.
        """
        began, longest = time.monotonic(), 0.0
        run = self._recorded()
        for clip in plan:
            if clip.name not in run.not_made and not _failed(run, clip.name):
                continue
            started = time.monotonic()
            if longest and started - began + longest > seconds:
                break
            on_clip(self._tried(clip, on_progress))
            longest = max(longest, time.monotonic() - started)
            run = self._recorded()
        return run

    def _recorded(self) -> RunRecord:
        """The run as it is in the folder, written there."""
        found = [(clip, read_clip(self._folder, clip.name)) for clip in CLIPS]
        run = RunRecord(
            asked=self._asked,
            machine=machine_facts(),
            engine=self._make().capability,
            weights=engine_weights(self._asked.engine),
            clips=tuple(record for _, record in found if record is not None),
            not_made=tuple(clip.name for clip, record in found if record is None),
        )
        write_run(self._folder, run, summary(run))
        return run

    def _tried(self, clip: PlannedClip, on_progress: OnProgress) -> ClipRecord:
        """The clip's record, written: of a clip, or of why there is none."""
        try:
            with in_words("The clip could not be made"):
                record, pictures = self._made(clip, on_progress)
                write_clip(self._folder, record, pictures)
                return record
        except RealCamError as error:
            unforeseen = isinstance(error, UnforeseenError)
            record = ClipRecord(
                name=clip.name,
                scene=clip.scene,
                move=clip.move,
                failure=error.sentence,
                traceback=latest_traceback().replace(str(Path.home()), "~") if unforeseen else "",
            )
            write_clip(self._folder, record, None)
            return record

    def _made(self, clip: PlannedClip, on_progress: OnProgress) -> tuple[ClipRecord, ClipPictures]:
        asked = self._asked
        size = (asked.width, asked.height)
        if clip.scene not in self._scenes:
            self._scenes[clip.scene] = known_scene(clip.scene, size)
        scene = self._scenes[clip.scene]
        engine = self._engine or self._make()
        settings = ShotSettings(
            engine=asked.engine, prompt=scene.prompt, seed=asked.seed, options=own_options(engine.capability, asked)
        )
        shot = clip_shot(scene, clip.move, size, asked.frames, settings)
        weights = str(asked.options.get("weights", asked.engine))
        # Kept only when the clip is made: in the middle of one that failed, no other begins.
        self._engine = None
        made, figures = made_clip(engine, shot, weights, on_progress)
        self._engine = engine
        on_progress(JobProgress(0, 0, "Measuring the clip"))
        laid = laid_back(made.frames, shot, float(asked.options.get(KEEP_DETAIL.name, KEEP_DETAIL.default)))
        evaluation, unmeasured = camera_of(made.frames, shot, clip.name, self._trials)
        truth = clip_truth(scene, shot.trajectory)
        record = ClipRecord(
            name=clip.name,
            scene=clip.scene,
            move=clip.move,
            prompt=scene.prompt,
            seen=float(coverage(shot.preview).mean()),
            making=figures,
            drift=laid.drift,
            camera=None if evaluation is None else camera_figures(evaluation),
            camera_unmeasured=unmeasured,
            truth=None if truth is None else truth_figures(made.frames, laid.frames, shot.preview, truth),
        )
        return record, ClipPictures(shot, replace(made, background=()), laid.frames, truth, evaluation)


def own_options(capability: EngineCapability, asked: Asked) -> dict[str, SettingValue]:
    """The options of each clip: nothing is laid back by the engine, so that its own picture can be measured."""
    stated = stated_options(capability.options, asked.options)
    has = any(option.name == KEEP_SEEN.name for option in capability.options)
    return {**stated, KEEP_SEEN.name: False} if has else stated


def _failed(run: RunRecord, name: str) -> bool:
    """Whether a clip was tried, and is tried again."""
    return any(record.failure for record in run.clips if record.name == name)
