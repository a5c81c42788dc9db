"""`realcam bench engines`: what the engines on diffusers' pipelines cost beside their network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import EngineError
from server.commands.friendly_errors import friendly_errors
from server.engines.machine_memory import GB
from server.engines.pipelines.sources import PIPELINE_PACKAGES
from server.packages import absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, say

Case = dict[str, Any]
"""Of `server.bench.engines.clip`, see its EngineCase."""
Figures = dict[str, Any]
"""What a measurement gave, see its EngineFigures."""

ENGINES = ("vace", "wan-i2v", "sana-wm")
BARS = {"outside_seconds": 2.0, "added_gb": 1.5, "steps_of_plain": 1.05, "card_memory_of_plain": 1.05}
"""What an engine is meant to stay under, by the name of the figure: two on tiny networks, two on a card."""


def engines(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    engine: Annotated[list[str] | None, typer.Option(help="Only this engine; may be repeated.")] = None,
    size: Annotated[str, typer.Option(help="Width x height x frames of the clip.")] = "832x480x81",
    steps: Annotated[int, typer.Option(help="Sampling steps; 0: 2 of tiny networks, 30 on a card.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each measurement.")] = 2,
    limit: Annotated[float, typer.Option(help="GiB that a measurement may take; 0 for no limit.")] = 0.0,
    cuda: Annotated[bool, typer.Option("--cuda", help="VACE of its published size on the card, random weights.")] = (
        False
    ),
    plan: Annotated[list[str] | None, typer.Option(help="With --cuda: memory plan; may be repeated.")] = None,
) -> None:
    """A clip of each engine with a tiny network, beside the pipeline's call alone: time outside the network, memory.

    Each measurement is a process of its own.
    """
    with friendly_errors():
        if absent := absent_packages(PIPELINE_PACKAGES, extra="models"):
            raise EngineError("The engines cannot be measured", absent)
        common = {**_parsed(size), "threads": threads, "limit_gib": limit}
        todo = (
            [
                {"engine": "vace", "network": "full", "guidance": 5.0, "steps": steps or 30, "plan": wish, **common}
                for wish in plan or ["auto"]
            ]
            if cuda
            else [{"engine": name, "steps": steps or 2, **common} for name in _known(engine)]
        )
        console = PlainConsole(stderr=True)
        found = []
        for case in todo:
            pair = {}
            for style in ("plain", "engine"):
                with console.status(f"{case['engine']}, {style}"):
                    pair[style] = _measured({**case, "style": style}, cuda)
            found.append(compared(pair["engine"], pair["plain"]))
    figures = {"clips": found, "bars": held(found)}
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(figures)).decode())
    else:
        _show(figures)


def compared(engine: Figures, plain: Figures) -> Figures:
    """Both measurements of a clip, and what the engine takes beside the pipeline's call.

    Args:
        engine: of the clip made by the engine.
        plain: of the pipeline's call alone.
    """
    outside, alone = (_total(figures["outside"]) for figures in (engine, plain))
    result: Figures = {
        "engine": engine,
        "plain": plain,
        "outside_seconds": outside["seconds"],
        "outside_processor_seconds": outside["processor"],
        "outside_share": outside["seconds"] / (outside["seconds"] + engine["network"]["seconds"]),
        "plain_outside_processor_seconds": alone["processor"],
        "added_gb": (engine["peak_bytes"] - plain["peak_bytes"]) / GB,
    }
    if engine["step_seconds"] and plain["step_seconds"]:
        result["steps_of_plain"] = _mean(engine["step_seconds"]) / _mean(plain["step_seconds"])
    if engine["device"] == "cuda":
        result["card_memory_of_plain"] = engine["card_bytes"] / plain["card_bytes"]
    if engine["plan_bytes"]:
        result["plan_fits"] = engine["card_bytes"] <= engine["plan_bytes"]
    return result


def held(clips: Sequence[Figures]) -> Figures:
    """What each bar is held to: the worst of the clips, on a card those for cards and else the others.

    Args:
        clips: see `compared`.
    """
    on_card = any(clip["engine"]["device"] == "cuda" for clip in clips)
    names = list(BARS)[2:] if on_card else list(BARS)[:2]
    return {
        name: {"value": max(values), "at_most": BARS[name]}
        for name in names
        if (values := [clip[name] for clip in clips if name in clip])
    }


def _measured(case: Case, cuda: bool) -> Figures:
    """The figures of a case, measured in a process of its own.

    Raises:
        EngineError: it failed.
    """
    command = [sys.executable, "-m", "server.bench.engines.clip", msgspec.json.encode(case).decode()]
    environment = child_environment({} if cuda else {"CUDA_VISIBLE_DEVICES": "-1"})
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}: out of memory?"])[-1]
        raise EngineError(f"The measurement of {case['engine']}, {case['style']}, failed", last)
    found: Figures = msgspec.json.decode(done.stdout.strip().splitlines()[-1])
    if cuda and found["device"] != "cuda":
        raise EngineError("There is no card to measure on", "PyTorch sees none", "Measure without --cuda.")
    return found


def _known(wished: list[str] | None) -> Sequence[str]:
    for name in wished or ():
        if name not in ENGINES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(ENGINES)}", param_hint="--engine")
    return wished or ENGINES


def _parsed(size: str) -> Case:
    try:
        width, height, frames = (int(number) for number in size.split("x"))
    except ValueError as error:
        raise typer.BadParameter(f"{size!r}: expected for instance 832x480x81", param_hint="--size") from error
    if width % 32 or height % 32 or min(width, height) < 32 or frames % 8 != 1:
        raise typer.BadParameter(f"{size!r}: sides are multiples of 32, frames 8k+1", param_hint="--size")
    return {"width": width, "height": height, "frames": frames}


def _total(spans: Figures) -> dict[str, float]:
    return {clock: sum(span[clock] for span in spans.values()) for clock in ("seconds", "processor")}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _show(figures: Figures) -> None:
    """Print the figures as tables."""
    console = PlainConsole()
    table = PlainTable(
        "engine", "plan", "network", "outside", "share", "of the processor", "alone", "memory", "added", "step", "alone"
    )
    for clip in figures["clips"]:
        engine, plain = clip["engine"], clip["plain"]
        on_card = engine["device"] == "cuda"
        peak = engine["card_bytes" if on_card else "peak_bytes"]
        less = plain["card_bytes" if on_card else "peak_bytes"]
        steps = [f"{_mean(each['step_seconds']):.2f} s" if each["step_seconds"] else "" for each in (engine, plain)]
        table.add_row(
            engine["case"]["engine"],
            engine["plan"],
            f"{engine['network']['seconds']:.1f} s",
            f"{clip['outside_seconds']:.1f} s",
            f"{clip['outside_share']:.1%}",
            f"{clip['outside_processor_seconds']:.1f} s",
            f"{clip['plain_outside_processor_seconds']:.1f} s",
            f"{peak / GB:.2f} GB",
            f"{(peak - less) / GB:.2f} GB",
            *steps,
        )
    console.print(table)
    stages = list(dict.fromkeys(stage for clip in figures["clips"] for stage in clip["engine"]["outside"]))
    parts = PlainTable(
        "outside the network, of the processor", *(c["engine"]["case"]["engine"] for c in figures["clips"])
    )
    for stage in stages:
        spans = [clip["engine"]["outside"].get(stage) for clip in figures["clips"]]
        parts.add_row(stage, *(f"{span['processor']:.2f} s" if span else "" for span in spans))
    console.print(parts)
    for clip in figures["clips"]:
        if "plan_fits" in clip:
            engine = clip["engine"]
            fits = "as calculated or less" if clip["plan_fits"] else "MORE than calculated"
            calculated = f"{engine['plan_bytes'] / GB:.1f} GB calculated"
            console.print(f"plan {engine['plan']}: {engine['card_bytes'] / GB:.1f} GB of tensors, {calculated}: {fits}")
    for bar, value in figures["bars"].items():
        console.print(f"{bar}: {value['value']:.2f}, meant to be at most {value['at_most']:g}")
