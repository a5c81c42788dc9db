"""An error that nobody foresaw, raised in every stage of a job: a sentence, one traceback in the log, a free panel."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.blender

MADE_UP = "made up for this test"

STAGES = {
    "the folder": "blender_addon.generation.shot_job.ShotJob.folder",
    "the engine": "blender_addon.generation.shot_job.ShotJob.engine",
    "the camera": "blender_addon.generation.shot_job.camera_slices",
    "the preview": "blender_addon.shot.preview.PreviewRenderer.render",
    "the task": "blender_addon.generation.shot_job.ShotJob.task",
    "the record": "blender_addon.generation.job_records.JobRecords.write",
    "the payload": "blender_addon.generation.job_thread.encode_payload",
    "the connection": "blender_addon.generation.job_thread.JobThread._connected",
    "the events of the thread": "blender_addon.generation.jobs.after_event",
    "the fetching": "blender_addon.core.protocol.client.Client.fetch",
    "the placing": "blender_addon.generation.clip_import.make_take",
    "the operator": "blender_addon.ui.shot.generate_operator.shot_request",
    "after the job": "blender_addon.ui.shot.generate_operator.refresh_takes",
}
"""What breaks -> the function that raises."""

RESUMED = ("the payload", "the fetching", "the placing")
"""Stages after which the job may be on the server: it is offered to be resumed."""


def broken(*_arguments: Any, **_named: Any) -> Any:
    raise TypeError(MADE_UP)


@pytest.fixture
def traces(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """The tracebacks that were logged since they were counted last."""

    def since() -> list[str]:
        found = [record.message for record in caplog.records if record.exc_info]
        caplog.clear()
        return found

    with caplog.at_level(logging.ERROR):
        yield since


def test_a_shot_ends_in_words_wherever_it_breaks(
    quick: ModuleType, shot: Any, traces: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs import report
    from blender_addon.ui.jobs.runtime import runtime

    quick.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    for stage, name in STAGES.items():
        with monkeypatch.context() as patch:
            patch.setattr(name, broken)
            with pytest.raises(RuntimeError, match=MADE_UP) as raised:
                quick.ops.realcam.generate()
        assert "TypeError" in str(raised.value), stage
        assert len(traces()) == 1, stage
        assert not jobs.busy, stage
        assert "broken\n    raise TypeError" in report.text(), stage
        assert bool(runtime.pending) == (stage in RESUMED), stage
        for record in runtime.pending:
            runtime.forget(record)
        jobs.dismiss()
    assert quick.ops.realcam.generate() == {"FINISHED"}


def test_a_preview_ends_in_words(quick: ModuleType, shot: Any, traces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from blender_addon.ui.preview_state import preview_state

    with monkeypatch.context() as patch:
        patch.setattr("blender_addon.shot.preview.PreviewRenderer.render", broken)
        with pytest.raises(RuntimeError, match=MADE_UP):
            quick.ops.realcam.preview()
    assert (preview_state.total, len(traces())) == (0, 1)
    assert quick.ops.realcam.generate.poll()


def test_an_analysis_ends_in_words(
    quick: ModuleType, shot: Any, small_bike: Path, traces: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Depth and camera checks run as a shot does; what is theirs alone is what they read."""
    from blender_addon.generation.jobs import jobs

    shot.realcam.photo.photo_path = str(small_bike)
    for name in ("depth_job.DepthJob.payload", "depth_job.photo_pixels"):
        with monkeypatch.context() as patch:
            patch.setattr("blender_addon.generation.depth_job.DepthJob.engine", lambda _job, _jobs: "copy")
            patch.setattr(f"blender_addon.generation.{name}", broken)
            with pytest.raises(RuntimeError, match=MADE_UP):
                quick.ops.realcam.estimate_depth()
        assert (jobs.busy, len(traces())) == (False, 1), name


def test_the_timer_goes_on(quick: ModuleType, shot: Any, traces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only shows a job ends no job; what cannot be placed stays, and is said."""
    from blender_addon.generation.job_events import ServerStarting
    from blender_addon.generation.job_view import JobView, Phase
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs import runtime
    from blender_addon.ui.preferences import server_settings

    jobs.begin("shot", server_settings(), runtime.runtime.records())
    assert jobs._thread is not None
    jobs._thread.events.put(ServerStarting())
    with monkeypatch.context() as patch:
        patch.setattr(runtime.thumbnails, "take_in", broken)
        assert runtime.tick() == runtime.BUSY_SECONDS
    assert jobs.busy
    assert len(traces()) >= 1
    jobs.cancel()

    record = SimpleNamespace(task=SimpleNamespace(result="clip"))
    jobs.view, jobs.record = JobView("shot", phase=Phase.IMPORTING), record  # type: ignore[assignment]
    runtime.tick()
    assert jobs.view is not None
    assert jobs.view.phase is Phase.FAILED
    assert jobs.view.error.startswith("The clip is here, but could not be placed")
    jobs.record = None


def test_an_operator_that_waits_is_ended(quick: ModuleType, traces: Any) -> None:
    """Every operator of the add-on is changed so; here one whose steps break."""
    from blender_addon.ui import _CLASSES
    from blender_addon.ui.guarded_operators import guarded

    class Waiting(quick.types.Operator):
        bl_idname = "realcam.waiting_test"
        bl_label = "Wait"

        def modal(self, context: Any, event: Any) -> set[str]:
            raise TypeError(MADE_UP)

        def cancel(self, context: Any) -> None:
            self.ended = True

    (cls,) = guarded((Waiting,))
    said: list[str] = []
    operator = SimpleNamespace(bl_label="Wait", report=lambda _kind, text: said.append(text))
    operator.cancel = lambda _context: setattr(operator, "ended", True)
    assert cls.modal(operator, None, None) == {"CANCELLED"}
    assert operator.ended
    assert (len(said), len(traces())) == (1, 1)
    operators = [cls for cls in _CLASSES if issubclass(cls, quick.types.Operator)]
    for cls in operators:
        for name in ("execute", "invoke", "modal"):
            assert not hasattr(cls, name) or hasattr(getattr(cls, name), "guards"), cls
