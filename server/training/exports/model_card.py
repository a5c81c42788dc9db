"""The README.md of a trained network: what it was trained on, how, and what was measured of it."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import Any

import msgspec

from blender_addon.core.programs import join_command
from server.model.weights.camera_tensors import CAMERA_FILE
from server.model.weights.own_networks import NetworkFacts

from .run_record import RunRecord

METRICS = "*.jsonl"
"""Files of a run with one measurement a line, the newest last."""
SCALES = {
    "absolute": "metres: translations times each clip's recorded scale, that of the condition frame",
    "relative": "relative, a unit of length of its own for each clip: it does not follow cameras in metres",
}
"""What is said of `data.scale`."""
_PEOPLE = ("home", "users")
"""Folders of systems that hold one of each person."""

HUB_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"}
)
"""Licences that the Hugging Face hub knows by a name of its own; others are `other`, with their name beside it."""


def camera_modules_in_words(title: str, facts: NetworkFacts) -> str:
    """What an exported folder of this title holds, and how it is used."""
    tensors = "the running mean of the trained tensors" if facts.mean else "the trained tensors themselves, float32"
    return (
        f"Camera modules of RealCam-I2V's layout for `{facts.variant}`: `{CAMERA_FILE}`, {tensors}. They need "
        f"their base and replace none of its tensors.\n\n    {join_command(['realcam', 'weights', 'add', title])}"
    )


def model_card(
    title: str, about: str, facts: NetworkFacts, run: RunRecord, metrics: dict[str, dict[str, float]]
) -> str:
    """The card in Markdown, with the head that the Hugging Face hub reads.

    Args:
        title: of the network.
        about: what there is and what it is for, in Markdown.
        facts: of it.
        run: the training.
        metrics: numbers by name, by the file that they stand in, see `last_metrics`.
    """
    config = _with_short_paths(msgspec.to_builtins(run.config))
    return "\n".join(
        [
            "---",
            *_licence_lines(facts.licence),
            "pipeline_tag: image-to-video",
            "tags: [camera-control, realcam]",
            "---",
            "",
            f"# {title}",
            "",
            about,
            "",
            *_table(_training_rows(facts, run)),
            *_left_out(run),
            *_measured(metrics),
            "## Configuration",
            "",
            "```json",
            msgspec.json.format(msgspec.json.encode(config)).decode(),
            "```",
            "",
        ]
    )


def _training_rows(facts: NetworkFacts, run: RunRecord) -> dict[str, str]:
    """What the network was trained on, and how."""
    data, (width, height) = run.config.data, facts.size
    left_out = sum(run.left_out.values())
    return {
        "": "",
        "licence": f"{facts.licence}; the base's and the data's licences hold as well",
        "base": f"`{short_path(run.config.base)}`, digest {run.base or 'unknown'}",
        "data": f"`{short_path(data.train)}`: {run.clips:,} clips, {left_out:,} left out",
        "scale": SCALES[data.scale],
        "frames": f"{width} x {height}, stride {data.stride[0]} to {data.stride[1]}",
        "latents beside the noise": ", ".join(f"{name} {share:g}" for name, share in facts.forms.items()),
        "steps": f"{facts.steps:,} of {run.config.run.batch} clips",
        "code": f"realcam {run.version}, commit {run.commit or 'unknown'}",
    }


def _licence_lines(licence: str) -> list[str]:
    """The card's head on a licence, as the hub reads it."""
    known = licence.strip().lower().replace(" ", "-")
    if known in HUB_LICENCES:
        return [f"license: {known}"]
    return ["license: other", f"license_name: {msgspec.json.encode(licence).decode()}"]


def _left_out(run: RunRecord) -> list[str]:
    if not run.left_out:
        return []
    return ["Clips were left out for:", "", *(f"- {count:,}: {reason}" for reason, count in run.left_out.items()), ""]


def _measured(metrics: dict[str, dict[str, float]]) -> list[str]:
    if not metrics:
        return ["## Measured", "", "Nothing: the training's folder holds no measurements.", ""]
    lines = ["## Measured", "", "The newest value of each number in the training's files.", ""]
    for name, numbers in metrics.items():
        lines += _table({name: ""} | {key: f"{value:.5g}" for key, value in numbers.items()})
    return lines


def _table(rows: dict[str, str]) -> list[str]:
    """Lines of a table of two columns, the first row its head; a bar in a value is no border."""
    head, *others = (f"| {key} | {value} |" for key, value in ((_cell(k), _cell(v)) for k, v in rows.items()))
    return [head, "|---|---|", *others, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _with_short_paths(value: Any) -> Any:
    """A configuration's values, the paths among them as `short_path` has them."""
    if isinstance(value, dict):
        return {key: _with_short_paths(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_short_paths(inner) for inner in value]
    return short_path(value) if isinstance(value, str) else value


def short_path(path: str) -> str:
    """What a path names, in its last two parts, without the folders that only its author has.

    The name of a person's own folder is left out too: `model.ckpt` of `/home/anna/model.ckpt`.

    Args:
        path: of any system; a text without folders is left as it is.
    """
    parts = [part for part in re.split(r"[/\\]", path) if part]
    if not PureWindowsPath(path).anchor:
        return "/".join(parts[-2:])
    parts = parts[path[1:2] == ":" :]
    people = [place for place, part in enumerate(parts[:-1], 1) if part.lower() in _PEOPLE]
    inside = parts[people[-1] + 1 :] if people else parts
    return "/".join(inside[-2:]) or "~"


def last_metrics(folder: Path) -> dict[str, dict[str, float]]:
    """The newest value of each number in each file of measurements in a training's folder, by the file's name.

    Args:
        folder: of the training.
    """
    found: dict[str, dict[str, float]] = {}
    for file in sorted(folder.glob(METRICS)):
        newest: dict[str, float] = {}
        for line in file.read_bytes().splitlines():
            try:
                newest |= _numbers(msgspec.json.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                # A line that a killed training left half written, or that a power cut damaged.
                continue
        if newest:
            found[file.name] = newest
    return found


def _numbers(value: Any, name: str = "") -> list[tuple[str, float]]:
    """The numbers in a decoded JSON value, with the keys that lead to each."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [(name, float(value))]
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _numbers(inner, f"{name}.{key}".strip("."))]
    return []
