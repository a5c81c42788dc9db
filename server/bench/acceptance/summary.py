"""What an acceptance run found, for people: the README.md of its folder."""

from __future__ import annotations

from collections.abc import Iterable

from server.engines.machine_memory import GB

from .records import ClipRecord, MachineFacts, RunRecord

HEADER = (
    *("clip", "seen", "s", "s/step", "card GB", "followed", "turned", "degrees off", "metres off"),
    *("drift", "truth: seen", "truth: unseen"),
)
READING = """\
Every clip was made of a photo whose depth is known exactly, along a move of the camera. `clips/NAME/` has of each:

- `engine.mp4`: the engine's own picture. All measures but those of `kept.mp4` are of this one.
- `kept.mp4`: the same with what the photo sees laid back over it, as artists get it.
- `sheet.jpg`: photo, preview and the engine's own picture, at some frames.
- `truth.jpg`: the engine's own picture, the kept one and the true one, where that is known.
- `clip.json`: every number. `evaluation.json`: everything that Check Camera found.

The columns of the table:

- *seen*: the share of the frames that the photo sees.
- *s*: seconds that the clip took; *s/step*: the median of its steps.
- *card GB*: the most memory of the card that tensors took.
- *followed*: metres travelled over metres asked; *turned*: the same of the angle at the end. 1 is right.
- *degrees off*, *metres off*: mean error of the camera over the frames that it was solved from.
- *drift*: mean difference from the preview where that sees the photo, of 255, and PSNR.
- *truth*: PSNR in dB against the true pictures. Of pixels that the photo sees: of the preview itself, of the engine's
  own picture, of the kept one. Of those that it does not see: of the engine's own, of the kept one.
"""


def summary(run: RunRecord) -> str:
    """The text of README.md, in Markdown."""
    asked, engine = run.asked, run.engine
    options = "".join(f", {name} {value}" for name, value in asked.options.items())
    parts = [
        f"# Acceptance run of `{asked.engine}`",
        f"{engine.label}, {asked.width} x {asked.height}, {asked.frames} frames, seed {asked.seed}{options}. "
        "Made by `realcam bench acceptance`; please send back the whole folder.",
    ]
    if asked.random_weights:
        parts.append("**The network had random weights: nothing in its pictures means anything.**")
    parts += [_table(run), _failures(run), _missing(run), "## How to read it", READING]
    parts += ["## Machine", _machine(run.machine), "## Weights", _weights(run), "## Stages and notes", _making(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(run: RunRecord) -> str:
    rows = [_row(clip) for clip in run.clips if clip.making is not None]
    if not rows:
        return "No clip was made."
    return "\n".join(_line(cells) for cells in (HEADER, ["---"] * len(HEADER), *rows))


def _row(clip: ClipRecord) -> list[str]:
    making, camera, drift, truth = clip.making, clip.camera, clip.drift, clip.truth
    assert making is not None
    cells = [clip.name, f"{clip.seen:.0%}", f"{making.seconds:.0f}", _number(making.seconds_a_step, ".2f")]
    cells.append(f"{making.card_peak_bytes / GB:.1f}" if making.card_peak_bytes else "-")
    if camera is None or (camera.degrees is None and camera.turned is None):
        cells += ["not solved", "-", "-", "-"]
    else:
        cells += [_number(camera.followed, ".3f"), _number(camera.turned, ".3f")]
        cells += [_number(camera.degrees, ".2f"), _number(camera.metres, ".3f")]
    cells.append("-" if drift is None else f"{drift.difference:.1f}, {drift.psnr:.1f} dB")
    if truth is None:
        return [*cells, "-", "-"]
    seen = (truth.preview_seen, truth.seen, truth.kept_seen)
    unseen = (truth.unseen, truth.kept_unseen)
    return [*cells, *(" / ".join(_number(value, ".1f") for value in values) for values in (seen, unseen))]


def _failures(run: RunRecord) -> str:
    said = [f"- `{clip.name}` failed: {clip.failure}" for clip in run.clips if clip.failure]
    return "\n".join([*said, *_cameras(run.clips)])


def _cameras(clips: Iterable[ClipRecord]) -> list[str]:
    """What is to be said of the clips' cameras."""
    said = [f"- `{clip.name}`: {clip.camera_unmeasured}" for clip in clips if clip.camera_unmeasured]
    return [*said, *(f"- `{clip.name}`: {' '.join(clip.camera.findings)}" for clip in clips if clip.camera is not None)]


def _missing(run: RunRecord) -> str:
    if not run.not_made:
        return ""
    return (
        f"Not made yet: {', '.join(f'`{name}`' for name in run.not_made)}. The same command makes more of them and "
        "leaves what is there."
    )


def _machine(machine: MachineFacts) -> str:
    card = f"{machine.card}, {machine.card_bytes / GB:.1f} GB, CUDA {machine.cuda}" if machine.card else "none"
    lines = [
        f"- Card: {card}",
        f"- Processor: {machine.processor}, {machine.cores} cores, {machine.memory_bytes / GB:.1f} GB",
        f"- System: {machine.system}",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in machine.versions.items())}",
    ]
    return "\n".join([*lines, *([f"- {machine.unused_card}"] if machine.unused_card else [])])


def _weights(run: RunRecord) -> str:
    if not run.weights:
        return "None of the published ones are installed."
    return "\n".join(
        f"- `{kept.name}`: {kept.repo or 'a local file'}, commit {kept.revision or 'not known'}, SHA-256 {kept.sha256}"
        for kept in run.weights
    )


def _making(run: RunRecord) -> str:
    said = []
    for clip in run.clips:
        if clip.making is None:
            continue
        making = clip.making
        stages = "; ".join(f"{stage.stage} {stage.seconds:.1f} s" for stage in making.stages)
        planned = ", ".join(f"{name} {size / GB:.1f}" for name, size in making.card_calculated_bytes.items())
        said += [f"`{clip.name}`: {stages}. {making.engine_version}.", *(f"> {note}" for note in making.notes)]
        if planned:
            held = f"{making.card_peak_bytes / GB:.1f} GB used, {making.card_reserved_bytes / GB:.1f} held"
            said.append(f"Memory of the card: {held}; calculated in GB: {planned}.")
    return "\n\n".join(said)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
