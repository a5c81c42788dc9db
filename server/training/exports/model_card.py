"""The README.md of a trained network: what it was trained on, how, and what was measured of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

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
HUB_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"}
)
"""Licences that the Hugging Face hub knows by a name of its own; others are `other`, with their name beside it."""


def camera_modules_in_words(title: str, facts: NetworkFacts) -> str:
    """What an exported folder of this title holds, and how it is used."""
    tensors = "the running mean of the trained tensors" if facts.mean else "the trained tensors themselves, float32"
    return (
        f"Camera modules of RealCam-I2V's layout for `{facts.variant}`: `{CAMERA_FILE}`, {tensors}. They need "
        f"their base and replace none of its tensors.\n\n    realcam weights add {title}"
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
    width, height = facts.size
    base, data = Path(run.config.base), Path(run.config.data.train).name
    forms = ", ".join(f"{name} {share:g}" for name, share in facts.forms.items())
    config = msgspec.json.format(msgspec.json.encode(run.config)).decode()
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
            "| | |",
            "|---|---|",
            f"| licence | {facts.licence}; the base's and the data's licences hold as well |",
            f"| base | `{base.parent.name}/{base.name}`, digest {run.base or 'unknown'} |",
            f"| data | `{data}`: {run.clips:,} clips, {sum(run.left_out.values()):,} left out |",
            f"| scale | {SCALES[run.config.data.scale]} |",
            f"| frames | {width} x {height}, stride {run.config.data.stride[0]} to {run.config.data.stride[1]} |",
            f"| latents beside the noise | {forms} |",
            f"| steps | {facts.steps:,} of {run.config.run.batch} clips |",
            f"| code | realcam {run.version}, commit {run.commit or 'unknown'} |",
            "",
            *_left_out(run),
            *_measured(metrics),
            "## Configuration",
            "",
            "```json",
            config,
            "```",
            "",
        ]
    )


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
        lines += [f"| {name} | |", "|---|---|", *(f"| {key} | {value:.5g} |" for key, value in numbers.items()), ""]
    return lines


def last_metrics(folder: Path) -> dict[str, dict[str, float]]:
    """The newest value of each number in each file of measurements in a training's folder, by the file's name.

    Args:
        folder: of the training.
    """
    found: dict[str, dict[str, float]] = {}
    for file in sorted(folder.glob(METRICS)):
        newest: dict[str, float] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                newest |= _numbers(msgspec.json.decode(line))
            except msgspec.DecodeError:
                # A line that a killed training left half written.
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
