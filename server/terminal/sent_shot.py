"""A shot sent to engines of a server, one after another, and the clips that they make of it."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.camera.beginning import moved
from blender_addon.core.errors import RealCamError, ServiceError
from blender_addon.core.held_files import PATIENCE, discard, replace_path
from blender_addon.core.payloads.background import BACKGROUND_FILE
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.core.payloads.coverage import coverage
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability, SettingValue
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.engine_checks import stated_options
from blender_addon.core.protocol.engine_comparison import ShotTraits, about_tokens, lost
from blender_addon.core.protocol.messages import JobState, StateEvent


def clips_of(
    client: Client,
    shot: Shot,
    title: str,
    asked: Sequence[tuple[EngineCapability, Mapping[str, SettingValue], Path]],
    on_progress: OnProgress,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The clips that engines make of the same shot, one after another; one that fails does not stop the others.

    Args:
        client: connected to the server.
        shot: what each makes; its settings' engine and options are set for each.
        title: what the jobs are called.
        asked: each engine with its options and the file of its clip.
        on_progress: called for transfers and the engines' steps.

    Returns:
        The files that were written, and what is to be said: what an engine loses of the shot, its notes, or why it made
        none.

    Raises:
        RealCamError: none of them made one; why the first did not.
    """
    clips, said, failed = list[Path](), list[str](), list[RealCamError]()
    traits = traits_of(shot)
    for engine, given, file in asked:
        settings = msgspec.structs.replace(
            shot.settings, engine=engine.name, options=stated_options(engine.options, given)
        )
        engine_traits = replace(traits, options=settings.options)
        said += [f"{engine.label}: {sentence}" for sentence in lost(engine, engine_traits)]
        try:
            said += _run(client, replace(shot, settings=settings), title, file, on_progress)
            clips.append(file)
        except RealCamError as error:
            failed.append(error)
            said.append(f"{engine.label}: {error.sentence}")
    if not clips:
        raise failed[0]
    return tuple(clips), tuple(said)


def traits_of(shot: Shot) -> ShotTraits:
    """What of the shot decides which engine loses something of it."""
    trajectory, seen = shot.trajectory, coverage(shot.preview)
    return ShotTraits(
        size=(trajectory.width, trajectory.height),
        frames=len(trajectory),
        words=bool(shot.settings.prompt.strip()),
        last_image=shot.last_image is not None,
        zooms=bool(np.ptp(trajectory.intrinsics, axis=0).any()),
        seen=float(min(seen)),
        first_seen=float(seen[0]),
        away=moved(trajectory.camera_to_world[0]),
        prompt_tokens=about_tokens(shot.settings.prompt),
        options=shot.settings.options,
    )


def _run(client: Client, shot: Shot, title: str, out: Path, on_progress: OnProgress) -> tuple[str, ...]:
    """Submit the job, follow it and fetch its clip. When this end stops, the job is cancelled, so that no server works
    for nobody.

    Returns:
        The engine's notes.
    """
    job_id = uuid.uuid4().hex
    client.submit(
        job_id,
        encode_shot(shot),
        shot.settings.engine,
        title,
        on_progress,
    )
    try:
        _follow(client, job_id, on_progress)
    except ServiceError:
        raise
    except BaseException:
        with suppress(RealCamError):
            client.cancel(job_id)
        raise
    return _fetch(client, job_id, out, on_progress)


def _fetch(client: Client, job_id: str, out: Path, on_progress: OnProgress) -> tuple[str, ...]:
    """Write the clip, which gets its name only once it is complete, and beside it the background if there is one.

    Returns:
        The engine's notes.

    Raises:
        ServiceError: the clip cannot be fetched or written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".realcam-", dir=out.parent, ignore_cleanup_errors=True) as folder:
            files = client.fetch(job_id, Path(folder), on_progress)
            by_name = {file.name: file for file in files}
            sidecar = msgspec.json.decode(by_name["metadata.json"].read_bytes(), type=ClipSidecar)
            replace_path(by_name["clip.mp4"], out)
            if BACKGROUND_FILE in by_name:
                replace_path(by_name[BACKGROUND_FILE], out.with_name(f"{out.stem}.{BACKGROUND_FILE}"))
            # Here with patience: what the end of the block cannot remove stays beside the clip.
            discard(Path(folder), PATIENCE)
            return sidecar.notes
    except OSError as error:
        raise ServiceError(
            "The clip cannot be written", f"{out}: {error.strerror or error}", "Name another place with --out."
        ) from error


def _follow(client: Client, job_id: str, on_progress: OnProgress) -> None:
    latest: JobProgress | None = None
    for event in client.follow(job_id):
        if not isinstance(event, StateEvent):
            latest = replace(event, stage="Generating", detail=event.stage)
            on_progress(latest)
        elif event.state.final and event.state is not JobState.DONE:
            raise ServiceError(f"The job ended as {event.state.value}", event.reason)
    # The last step's report may have been overtaken by the news that the job is done.
    if latest is not None and latest.done < latest.total:
        on_progress(replace(latest, done=latest.total))
