"""Progress as bars in a terminal, one for each stage."""

from __future__ import annotations

from rich.progress import Progress, TaskID

from blender_addon.core.printable import printable
from blender_addon.core.progress import JobProgress


class ProgressBars:
    """An OnProgress that shows rich's bars: a stage gets its own at its first report.

    Args:
        bars: where they are shown.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: JobProgress) -> None:
        """Move the stage's bar; the detail is shown behind its name."""
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(printable(progress.stage))
        text = f"{progress.stage}: {progress.detail}" if progress.detail else progress.stage
        task = self._tasks[progress.stage]
        self._bars.update(task, completed=progress.done, total=max(progress.total, 1), description=printable(text))

    def end(self, stage: str) -> None:
        """Fill the stage's bar and stop its clock; a stage without a report has no bar, and nothing happens."""
        task = self._tasks.get(stage)
        if task is not None:
            total = next(bar.total for bar in self._bars.tasks if bar.id == task)
            self._bars.update(task, completed=total)
            self._bars.stop_task(task)
