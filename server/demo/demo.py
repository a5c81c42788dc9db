"""From a photo to a clip on the timeline with real processes: a server and a headless Blender."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from blender_addon.core.arrays import UInt8
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import ShotError
from blender_addon.core.foreign_files import is_foreign
from blender_addon.core.held_files import PATIENCE, discard
from blender_addon.core.payloads.headless_plan import HeadlessPlan, HeadlessReport
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.contact_sheet import contact_sheet
from server.demo.headless_blender import check_blender, run_plan
from server.demo.inputs import DemoInput, motorcycle_input, own_input, world_input
from server.depth.photo_files import read_photo
from server.service.workers.clip_files import encode_mp4
from server.terminal.local_service import local_service
from server.terminal.plain_console import description_column
from server.terminal.progress_bars import ProgressBars

FIRST, LAST, SCENE_FPS = 1, 96, 24
"""First and last frame of the scene, and its frames a second."""
MARKER = ".realcam-demo"
"""A file that marks a folder as a demo's, which a later demo may clear."""
MADE = ("input", "logs", "preview_frames", "realcam")
"""The folders that a demo makes, and clears before."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo makes.

    Attributes:
        out: the output folder.
        photo, depth: files; both None for an example.
        world: whether the example is the frame of a rendered world; else it is the motorcycle.
        depth_format: what the numbers of the depth mean.
        import_settings: how Blender reads the photo and its depth.
        engine: name of the engine.
        prompt: for engines that read one.
        engine_options: by name.
        seed: of the clip.
        clip_size: (width, height) pixels.
        clip_frames: of the clip.
        last_image: picture that the last frame shall show; None for none.
    """

    out: Path
    photo: Path | None = None
    depth: Path | None = None
    world: bool = False
    depth_format: DepthFormat = field(default_factory=DepthFormat)
    import_settings: ImportSettings = field(default_factory=ImportSettings)
    engine: str = "draft"
    prompt: str = ""
    engine_options: Mapping[str, SettingValue] = field(default_factory=dict)
    seed: int = 1
    clip_size: tuple[int, int] = (512, 320)
    clip_frames: int = 16
    last_image: Path | None = None


@dataclass
class DemoResult:
    """What was made.

    Attributes:
        files: by what they are.
        seconds: of each step, in order.
        coverage: of each preview frame, 0..1.
        summary: a sentence.
    """

    files: dict[str, Path] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    coverage: list[float] = field(default_factory=list)
    summary: str = ""


def run_demo(options: DemoOptions, console: Console) -> DemoResult:
    """Make everything in options.out.

    Args:
        options: what to make.
        console: shows the progress.

    Raises:
        ShotError: Blender is not installed, the folder holds something else, or a step in Blender failed.
        PhotoError: the photo or its depth cannot be read.
        RealCamError: the server did not start.
    """
    check_blender()
    out = options.out.resolve()
    demo = _prepared(options, out)
    result = DemoResult()
    take = Path()
    columns = (description_column("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        began = time.perf_counter()
        with local_service(out / "logs" / "jobs", out / "logs" / "server.log") as address:
            result.seconds["start the server"] = time.perf_counter() - began
            bars = ProgressBars(progress)
            for report in run_plan(_plan(options, demo, out, address), out / "logs"):
                if not report.take_folder:
                    _show(bars, report)
                if report.seconds is not None:
                    result.seconds[report.stage] = report.seconds
                result.coverage = report.coverage or result.coverage
                result.summary = report.summary or result.summary
                take = Path(report.take_folder) if report.take_folder else take
        began = time.perf_counter()
        result.files = _leave(out, demo, take)
        result.seconds["write the contact sheet"] = time.perf_counter() - began
    return result


def _prepared(options: DemoOptions, out: Path) -> DemoInput:
    """The demo's input, copied into an output folder from which an earlier demo was cleared.

    Raises:
        RealCamError: the folder or the input cannot be used; nothing has been removed then.
    """
    if out.exists() and not all(is_foreign(path.name) for path in out.iterdir()) and not (out / MARKER).is_file():
        raise ShotError(
            "The demo's folder holds something else",
            f"{out} is not empty and was not made by a demo",
            "Name another one with --out.",
        )
    with tempfile.TemporaryDirectory(prefix="realcam-demo-", ignore_cleanup_errors=True) as staged:
        # The reader's own files may lie in what an earlier demo left: read first, then clear.
        demo = _input(options, Path(staged))
        for name in MADE:
            discard(out / name, PATIENCE)
        (out / "input").mkdir(parents=True)
        (out / MARKER).touch()
        photo, depth = (shutil.copy2(file, out / "input") for file in (demo.photo, demo.depth))
    return replace(demo, photo=Path(photo), depth=Path(depth))


def _input(options: DemoOptions, folder: Path) -> DemoInput:
    if options.photo is None and options.depth is None:
        return world_input(folder, FIRST, LAST) if options.world else motorcycle_input(folder, FIRST, LAST)
    if options.photo is None or options.depth is None:
        raise ShotError("The demo needs both", "a photo or its depth is missing", "Give --photo and --depth together.")
    depth = DepthFile(options.depth, options.depth_format)
    return own_input(folder, options.photo, depth, options.import_settings.trust_scale, FIRST, LAST)


def _plan(options: DemoOptions, demo: DemoInput, out: Path, address: ServerAddress) -> HeadlessPlan:
    importing = msgspec.structs.replace(options.import_settings, intrinsics=demo.intrinsics)
    return HeadlessPlan(
        **msgspec.structs.asdict(importing),
        photo=str(demo.photo),
        depth=str(demo.depth),
        blend=str(out / f"{demo.name}.blend"),
        preview_frames=str(out / "preview_frames"),
        title=demo.name,
        settings=ShotSettings(
            engine=options.engine,
            prompt=options.prompt,
            seed=options.seed,
            options=dict(options.engine_options),
        ),
        host=address.host,
        control_port=address.control_port,
        data_port=address.data_port,
        moves=demo.moves,
        depth_format=demo.depth_format,
        disparity=demo.disparity,
        render_size=demo.render_size,
        clip_size=options.clip_size,
        clip_frames=options.clip_frames,
        last_image="" if options.last_image is None else str(options.last_image.resolve()),
        frame_start=FIRST,
        frame_end=LAST,
        scene_fps=SCENE_FPS,
    )


def _show(bars: ProgressBars, report: HeadlessReport) -> None:
    """Show a bar for each stage that reports steps; a stage that ends without any gets no bar, only its time."""
    if report.seconds is None:
        bars(JobProgress(report.step, report.steps, report.stage))
    else:
        bars.end(report.stage)


def _leave(out: Path, demo: DemoInput, take: Path) -> dict[str, Path]:
    """Copy the take's clip and metadata to the output folder, and write the preview's mp4 and the contact sheet."""
    shutil.copy2(take / "clip.mp4", out / "clip.mp4")
    shutil.copy2(take / "metadata.json", out / "metadata.json")
    preview = _frames(out / "preview_frames")
    clip = _frames(take / "frames")
    duration = (LAST - FIRST + 1) / SCENE_FPS
    (out / "preview.mp4").write_bytes(encode_mp4(_over_grey(preview), len(preview) / duration))
    photo = read_photo(demo.photo).pixels
    contact_sheet(photo, preview, clip[..., :3]).save(out / "contact_sheet.png")
    return {
        "clip": out / "clip.mp4",
        "preview": out / "preview.mp4",
        "contact sheet": out / "contact_sheet.png",
        "Blender file": out / f"{demo.name}.blend",
        "metadata": out / "metadata.json",
        "clip frames": take / "frames",
    }


def _frames(folder: Path) -> UInt8:
    """[F, H, W, C] uint8, the folder's PNG files in order of their names."""
    return np.stack([np.asarray(Image.open(file)) for file in sorted(folder.glob("[0-9][0-9][0-9][0-9].png"))])


def _over_grey(preview: UInt8) -> UInt8:
    """The preview [F, H, W, 4] with straight alpha over a dark grey: [F, H, W, 3] uint8."""
    alpha = preview[..., 3:].astype(np.float32) / 255.0
    return np.asarray(preview[..., :3] * alpha + 48.0 * (1.0 - alpha), dtype=np.uint8)
