"""`realcam bench training`: one training step of the full-size network, beside the plain way of taking it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import msgspec
import psutil
import typer

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import EngineError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, say

Case = dict[str, Any]
"""Of `server.bench.training`, see its StepCase."""
Figures = dict[str, Any]
"""What a measurement gave, see its StepFigures."""

SMALLER = ((192, 192, 16), (128, 128, 16), (128, 128, 8), (64, 64, 16), (64, 64, 4))
"""Sizes (width, height, frames) at which the plain way is tried where the full one does not fit, the largest first."""

USABLE = 0.9
"""Share of the memory that is free at the start which a measurement may take."""

BARS = {"peak_gib_recompute": 16.0, "steps_per_forward_kept": 2.6, "steps_per_forward_recompute": 3.6}
"""What a step is meant to stay under, by the name of the figure."""


def training(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    size: Annotated[str, typer.Option(help="Width x height x frames of the step.")] = "256x256x16",
    dtype: Annotated[Literal["bfloat16", "float32"], typer.Option(help="Of the arithmetic.")] = "bfloat16",
    threads: Annotated[int, typer.Option(min=1, help="Threads of each measurement.")] = 2,
    runs: Annotated[int, typer.Option(min=1, help="Steps that count, after one that does not.")] = 1,
    limit: Annotated[
        float, typer.Option(min=0.0, help="GB that a measurement may take; 0: nine tenths of what is free.")
    ] = 0.0,
    keep: Annotated[Path, typer.Option(help="Folder of the measurements: run again, only those missing are made.")] = (
        Path("out/bench-training")
    ),
    cuda: Annotated[bool, typer.Option("--cuda", help="On the card.")] = False,
    network: Annotated[str, typer.Option(hidden=True)] = "full",
) -> None:
    """A training step with camera, batch 1: seconds, memory, share of the machine's matrix rate; and the plain way.

    Each measurement is a process of its own under a memory limit. The plain way, dense masks and activations kept, is
    measured at the largest size that fits, and ours at that size too.
    """
    with friendly_errors():
        if absent := absent_packages(MODEL_PACKAGES, extra="models"):
            raise EngineError("The network cannot be measured", absent)
        common: Case = {"dtype": dtype, "threads": threads, "runs": runs, "network": network}
        common |= {"device": "cuda" if cuda else "cpu", "limit_gib": limit or free_gib(cuda)}
        console = PlainConsole(stderr=True)

        def one(case: Case) -> Figures:
            with console.status(name(case)):
                return kept_or(keep, case, measure)

        steps = {name(found["case"]): found for found in measured(parsed(size), common, one)}
        rate = None if cuda else matrix_rate(threads, dtype)
    figures = {"limit_gib": common["limit_gib"], "matrix_gflops": rate, "steps": steps, **compared(steps, rate)}
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(figures)).decode())
    else:
        show(figures)


def parsed(size: str) -> tuple[int, int, int]:
    """(width, height, frames) of "256x256x16".

    Raises:
        typer.BadParameter: it is no such size, or its sides are no multiples of 64.
    """
    try:
        width, height, frames = (int(n) for n in size.split("x"))
    except ValueError as error:
        raise typer.BadParameter(f"{size!r}: expected for instance 256x256x16", param_hint="--size") from error
    if width % 64 or height % 64 or min(width, height) < 64 or not 1 <= frames <= 16:
        raise typer.BadParameter(f"{size!r}: sides are multiples of 64, frames 1 to 16", param_hint="--size")
    return width, height, frames


def measured(full: tuple[int, int, int], common: Case, one: Callable[[Case], Figures]) -> Iterator[Figures]:
    """The figures of every case: ours at full size, the plain way at the largest that fits, and ours there.

    Args:
        full: (width, height, frames).
        common: to all cases.
        one: measures a case.
    """

    def case(at: tuple[int, int, int], style: str) -> Case:
        return {"width": at[0], "height": at[1], "frames": at[2], "style": style, **common}

    for style in ("recompute", "kept"):
        yield one(case(full, style))
    tokens = full[0] * full[1] * full[2]
    smaller = (at for at in SMALLER if at[0] * at[1] * at[2] < tokens)
    for at in (full, *smaller):
        plain = one(case(at, "plain"))
        yield plain
        if plain["fits"]:
            if at != full:
                yield from (one(case(at, style)) for style in ("recompute", "kept"))
            return


def name(case: Case) -> str:
    """The case's name: size, dtype and style."""
    return f"{case['width']}x{case['height']}x{case['frames']} {case['dtype']} {case['style']}"


def kept_or(folder: Path, case: Case, measure: Callable[[Case], Figures]) -> Figures:
    """The figures of a case as an earlier run kept them, or measured and kept now.

    What did not fit is tried again under a larger limit.

    Args:
        folder: of the figures.
        case: what is measured.
        measure: measures it.
    """
    file = folder / f"{case['network']} {case['device']} {name(case)}.json".replace(" ", "-")
    try:
        found: Figures = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError):
        found = {}
    if found:
        same = {k: v for k, v in found["case"].items() if k != "limit_gib"}
        wanted = {k: v for k, v in case.items() if k != "limit_gib"}
        if same == wanted and (found["fits"] or found["case"]["limit_gib"] >= case["limit_gib"]):
            return found
    found = measure(case)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(file, msgspec.json.format(msgspec.json.encode(found)))
    return found


def measure(case: Case) -> Figures:
    """The figures of a case, measured in a process of its own.

    Raises:
        EngineError: it failed for another reason than memory.
    """
    command = [sys.executable, "-m", "server.bench.training", msgspec.json.encode(case).decode()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), check=False)
    if done.returncode == -9:
        # The system ends what takes more memory than there is.
        return {"case": case, "fits": False}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise EngineError(f"The measurement {name(case)} failed", last)
    return dict(msgspec.json.decode(done.stdout.strip().splitlines()[-1]))


def free_gib(cuda: bool) -> float:
    """GiB that a measurement may take."""
    if cuda:
        import torch

        return USABLE * float(torch.cuda.mem_get_info()[0]) / 2**30
    return USABLE * float(psutil.virtual_memory().available) / 2**30


def matrix_rate(threads: int, dtype: str) -> float:
    """The processor's rate of matrix products, GFLOP/s."""
    import torch

    from server.bench.sampler import machine_rates

    return machine_rates(threads, getattr(torch, dtype)).matmul


def compared(steps: dict[str, Figures], rate: float | None) -> dict[str, Any]:
    """Ratios of each step that fits, and what the bars are held to.

    Args:
        steps: figures by the case's name, those of the full size first.
        rate: the machine's matrix rate, GFLOP/s; None where it was not measured.
    """
    ratios: dict[str, dict[str, float]] = {}
    held: dict[str, dict[str, Any]] = {}
    for label, found in steps.items():
        if not found["fits"]:
            continue
        case, seconds = found["case"], median(found["seconds"])
        ratios[label] = {"steps_per_forward": seconds / median(found["forward_seconds"])}
        if rate:
            ratios[label]["of_matrix_rate"] = found["tflop"] * 1e3 / seconds / rate
        plain = steps.get(name({**case, "style": "plain"}))
        if plain is not None and plain["fits"] and case["style"] != "plain":
            ratios[label]["times_as_fast"] = median(plain["seconds"]) / seconds
            ratios[label]["memory"] = found["peak_gib"] / plain["peak_gib"]
        for figure, value in (("peak_gib", found["peak_gib"]), ("steps_per_forward", _forwards(steps, case))):
            bar = f"{figure}_{case['style']}"
            if bar in BARS and value is not None and bar not in held:
                # The first that fits: of the full size where that does.
                held[bar] = {"value": value, "at_most": BARS[bar], "at": label}
    return {"ratios": ratios, "bars": held}


def _forwards(steps: dict[str, Figures], case: Case) -> float | None:
    """How many of our forwards of the same size a step takes, of either style's measurement."""
    forwards = [
        median(found["forward_seconds"])
        for style in ("recompute", "kept")
        if (found := steps.get(name({**case, "style": style}))) is not None and found["fits"]
    ]
    return median(steps[name(case)]["seconds"]) / min(forwards) if forwards else None


def show(figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    console = PlainConsole()
    table = PlainTable(
        "step", "seconds", "forward", "peak GiB", "weights, moments", "steps a forward", "as fast", "memory", "of rate"
    )
    for label, found in figures["steps"].items():
        if not found["fits"]:
            table.add_row(label, f"does not fit into {found['case']['limit_gib']:.1f} GiB")
            continue
        ratios = figures["ratios"][label]
        keys = ("steps_per_forward", "times_as_fast", "memory", "of_matrix_rate")
        table.add_row(
            label,
            f"{median(found['seconds']):.1f}",
            f"{median(found['forward_seconds']):.1f}",
            f"{found['peak_gib']:.1f}",
            f"{found['held_gib']:.1f}",
            *(f"{ratios[key]:.2f}" if key in ratios else "" for key in keys),
        )
    console.print(table)
    for bar, held in figures["bars"].items():
        console.print(f"{bar}: {held['value']:.2f}, meant to be at most {held['at_most']:g} ({held['at']})")
