"""`realcam bench sampler`: the speed of the full-size network on this machine, beside a plain implementation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from statistics import median
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import EngineError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, say

TFLOP = {
    (256, 256, 16, True): 5.1,
    (256, 256, 16, False): 4.9,
    (512, 320, 16, True): 24.2,
    (512, 320, 16, False): 12.5,
}
"""Arithmetic of one forward in TFLOP, by (width, height, frames, with the camera), counted on the published network.

With the camera, only what its masks leave open is counted: at 512 x 320 that is every pair of the finest level's 40,960
tokens, 10.7 of the 24.2.
"""

PUBLISHED = {
    "256x256x16 camera float32": {"seconds": 45.2, "peak_gib": 9.5},
    "512x320x16 camera float32": {"seconds": 201.98, "peak_gib": 12.5},
}
"""Figures of the published code on two threads of an AMD EPYC like the one this was written on.

They are to compare with and are not measured here. The plain style is measured here, in the same run.
"""


def sampler(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each measurement.")] = 2,
    runs: Annotated[int, typer.Option(min=1, help="Forwards that count, after one that does not.")] = 2,
    size: Annotated[str, typer.Option(help="256, 512 or all.")] = "256",
    growth: Annotated[bool, typer.Option(help="Also how time and memory grow with frames.")] = False,
    bfloat16: Annotated[
        bool | None, typer.Option(help="Also in bfloat16; if not said, where the processor computes in it.")
    ] = None,
) -> None:
    """One forward of the full-size network with arbitrary weights: seconds, memory, and the split by part.

    Needs some 10 GB of memory for 256 x 256 in float32 and 13 GB for 512 x 320, and minutes.
    """
    if absent := absent_packages(MODEL_PACKAGES, extra="models"):
        say(f"The network cannot be measured: {absent}.", err=True)
        raise typer.Exit(1)
    from server.model.cpu.processor import computes_in_bfloat16

    console = PlainConsole(stderr=True)
    if bfloat16 is None:
        bfloat16 = computes_in_bfloat16()
        if not bfloat16:
            console.print("Not measured in bfloat16: this processor only imitates it, in many times the time.")
    with friendly_errors():
        figures = measured(list(cases(size, threads, runs, growth, bfloat16)), threads, console)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(figures)).decode())
    else:
        show(figures)


def cases(size: str, threads: int, runs: int, growth: bool, bfloat16: bool) -> Iterable[dict[str, Any]]:
    """The cases to measure, each in a process of its own.

    Args:
        size: "256", "512" or "all".
        threads: of each case.
        runs: forwards of each case.
        growth: also with 4 and 8 frames.
        bfloat16: also in bfloat16.

    Raises:
        typer.BadParameter: there is no such size.
    """
    sizes = {"256": [(256, 256)], "512": [(512, 320)], "all": [(256, 256), (512, 320)]}.get(size)
    if sizes is None:
        raise typer.BadParameter(f"{size!r}: expected 256, 512 or all", param_hint="--size")
    for width, height in sizes:
        shape = {"width": width, "height": height, "threads": threads, "runs": runs}
        yield {**shape, "style": "plain", "dtype": "float32"}
        yield {**shape, "style": "ours", "dtype": "float32", "parts": True}
        if bfloat16:
            yield {**shape, "style": "ours", "dtype": "bfloat16", "parts": True}
        if growth:
            for frames in (4, 8):
                yield {**shape, "style": "ours", "dtype": "float32", "frames": frames}


def measured(todo: list[dict[str, Any]], threads: int, console: Console) -> dict[str, Any]:
    """The figures of every case, the machine's rates, and the ratios between the cases.

    Args:
        todo: see `cases`.
        threads: for the machine's rates.
        console: shows what is being measured.

    Raises:
        EngineError: a measurement failed.
    """
    import torch

    from server.bench.sampler import machine_rates

    kinds = sorted({case["dtype"] for case in todo})
    rates = {kind: machine_rates(threads, getattr(torch, kind)) for kind in kinds}
    found: dict[str, Any] = {}
    for case in todo:
        with console.status(name(case)):
            found[name(case)] = _one(case)
    return {
        "machine_gflops": {kind: {"matmul": r.matmul, "convolution": r.convolution} for kind, r in rates.items()},
        "forwards": found,
        "ratios": ratios(found, {kind: r.matmul for kind, r in rates.items()}),
        "published_elsewhere": PUBLISHED,
    }


def name(case: dict[str, Any]) -> str:
    """The case's name: size, camera, dtype and style."""
    camera = "camera" if case.get("camera", True) else "no camera"
    frames = case.get("frames", 16)
    return f"{case['width']}x{case['height']}x{frames} {camera} {case['dtype']} {case['style']}"


def ratios(found: dict[str, Any], matmul: dict[str, float]) -> dict[str, Any]:
    """How each case of ours compares with the plain style in float32, and its share of the machine's matrix rate.

    Args:
        found: figures by the case's name.
        matmul: the machine's matrix rate by dtype, GFLOP/s.
    """
    result: dict[str, Any] = {}
    for label, ours in found.items():
        case = ours["case"]
        plain = found.get(name({**case, "style": "plain", "dtype": "float32"}))
        if case["style"] == "plain":
            continue
        seconds = median(ours["seconds"])
        entry: dict[str, float] = {}
        if plain is not None:
            entry["times_as_fast"] = median(plain["seconds"]) / seconds
            entry["memory"] = ours["peak_gib"] / plain["peak_gib"]
        work = TFLOP.get((case["width"], case["height"], case["frames"], case["camera"]))
        if work is not None:
            entry["of_matrix_rate"] = work * 1e3 / seconds / matmul[case["dtype"]]
        result[label] = entry
    return result


def _one(case: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "server.bench.sampler", msgspec.json.encode(case).decode()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}: out of memory?"])[-1]
        raise EngineError(f"The measurement {name(case)} failed", last)
    return dict(msgspec.json.decode(done.stdout.strip().splitlines()[-1]))


def show(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    console = PlainConsole()
    table = PlainTable("forward", "seconds", "camera, once", "peak GiB", "times as fast", "memory", "of matrix rate")
    for label, entry in figures["forwards"].items():
        against = figures["ratios"].get(label, {})
        table.add_row(
            label,
            f"{median(entry['seconds']):.1f}",
            f"{entry['camera_seconds']:.1f}",
            f"{entry['peak_gib']:.1f}",
            *(f"{against[key]:.2f}" if key in against else "" for key in ("times_as_fast", "memory", "of_matrix_rate")),
        )
    console.print(table)
    split = PlainTable("part", *(label for label, entry in figures["forwards"].items() if entry["parts"]))
    kinds: dict[str, float] = next((entry["parts"] for entry in figures["forwards"].values() if entry["parts"]), {})
    for kind in kinds:
        split.add_row(kind, *(f"{e['parts'][kind]:.1f} s" for e in figures["forwards"].values() if e["parts"]))
    console.print(split)
