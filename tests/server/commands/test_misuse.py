"""Every verb, used wrongly: one sentence that says what happened and what to do, a code that is not 0, no traceback.

`generate`, `depth` and `serve` have their own tests beside what they do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from server.cli import app

UNSERVED = "127.0.0.1:9"
GENERATE = "generate --photo frames/0.png --depth depth.npy --trajectory a.txt"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the command is called in, with files that are not what they are taken for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "text.txt").write_text("hello\n")
    for name in ("empty.png", "empty_2.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "frames").mkdir()
    for index in range(3):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "frames" / f"{index}.png")
    np.save(tmp_path / "depth.npy", np.ones((8, 8), np.float32))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("evaluate missing.mp4", "missing.mp4 is neither a video nor a folder of pictures"),
        ("evaluate text.txt", "Known endings: .avi"),
        ("evaluate .", "empty.png is no JPEG, PNG, WebP or TIFF"),
        ("evaluate frames", "Give the camera with --reference"),
        ("evaluate frames --reference missing.txt", "missing.txt cannot be read: No such file"),
        ("evaluate frames --reference .", ".: The folder holds no camera file"),
        ("evaluate frames --shot missing.shot", "missing.shot cannot be used: No such file"),
        ("evaluate frames --shot text.txt", "This is not a shot"),
        ("evaluate frames --depth text.txt", "This kind of depth file is not read: text.txt. Use 16-bit PNG"),
        ("evaluate frames --depth depth.npy --depth-intrinsics 1,2", "expected 4 numbers"),
        ("evaluate frames --depth depth.npy --depth-intrinsics 0,0,0,0", "focal length is not positive"),
        ("evaluate frames --real frames", "FVD needs both --real and --i3d"),
        ("evaluate frames --real frames --i3d missing.pt", "missing.pt is not a file"),
        ("data align missing", "missing is not a folder"),
        ("data align frames --predictor nosuch", "There are: depth-anything-indoor-small"),
        ("data align frames --out text.txt", "text.txt cannot be used: File exists"),
        (f"jobs --server {UNSERVED}", "Start it with `realcam serve`"),
        ("jobs --server host:port", "Write host:port"),
        (f"cancel 12ab --server {UNSERVED}", "Start it with `realcam serve`"),
        (f"status --server {UNSERVED}", "Start it with `realcam serve`"),
        ("keys allow anna nonsense", "`realcam keys show` on the other computer prints it"),
        ("keys revoke anna", "`realcam keys list` shows who is"),
        ("keys pair nonsense", "Copy the whole line"),
        ("keys invite anna --host=", "an address or a name is needed"),
        ("weights get nosuch", "there are realcam-256, realcam-512, realcam-1024"),
        ("weights check nosuch", "there are realcam-256, realcam-512, realcam-1024"),
        ("demo --photo frames/0.png", "Give --photo and --depth together"),
        ("demo --out text.txt", "text.txt cannot be used: Not a directory"),
        ("bench depth nosuch", "depth-anything-indoor-large"),
        ("jobs list", "No such command 'list'"),
        (
            "weights get realcam-512 --file a.safetensors",
            "Invalid value for --file: it is read only with a depth predictor",
        ),
        ("weights get depth-pro --base a.ckpt", "--base: it is read only with a variant of RealCam"),
        ("evaluate frames --depth-scale 1", "--depth-scale: it is read only with --depth"),
        ("evaluate frames --method direct --trials 3", "--trials: it is read only with --method features"),
        ("evaluate frames --shot a.shot --depth depth.npy", "--depth: it is read only with --reference"),
        ("data align frames --predictor depth-pro --depth maps", "--depth: it is read only with depth maps"),
        ("demo --depth-unit mm", "--depth-unit: it is read only with --photo and --depth"),
        ("depth geometry frames/0.png --mesh a.ply --frame 0", "--frame: it is read only with --camera"),
        (
            "depth geometry frames/0.png --mesh a.ply --camera a.txt --axes opencv",
            "--axes: it is read only with geometry in",
        ),
        ("depth layout frames/0.png --camera-height 1 --depth-scale 1", "--depth-scale: it is read only with --base"),
        ("depth calibrate depth.npy --near 1 --far 2 --along z", "--along: it is read only with --point"),
        ("depth calibrate depth.npy --near 1 --far 2 --horizon 0.5", "--horizon: it is read only with --ground"),
        (
            "depth calibrate depth.npy --point 1,1=1 --point 2,2=2 --near-is dark",
            "--near-is: it is read only with --near",
        ),
        *(
            (f"{command} --intrinsics 9,9,4,4 --focal-mm 28", "--focal-mm: it is read only with no --intrinsics")
            for command in (
                *(GENERATE, "depth layout frames/0.png --horizon 0.5", "depth geometry frames/0.png --mesh a.ply"),
                "depth calibrate depth.npy --near 1 --far 2",
            )
        ),
        (f"{GENERATE} --scale full", "only with --random-weights"),
        (f"{GENERATE} --random-weights --scale huge", "'huge': expected tiny or full"),
        (f"{GENERATE} --random-weights --server {UNSERVED}", "a running server has its own weights"),
        (f"{GENERATE} --option steps", "expected NAME=VALUE, for example steps=10"),
        (f"{GENERATE} --option \u00a0=3", "expected NAME=VALUE, for example steps=10"),
        (f"{GENERATE} --depth-unit ft", "'ft': expected one of mm"),
        (f"{GENERATE} --depth-unit mm --relative bright,1,2", "Give one of --disparity, --depth-unit and --relative"),
        (f"{GENERATE} --depth-unit mm --depth-scale 1", "Give --depth-scale or one of"),
        (f"{GENERATE} --relative left,1,2", "'left,1,2': expected bright or dark first"),
        (f"{GENERATE} --relative bright,1", "'1': expected 2 numbers"),
        (f"{GENERATE} --disparity 1", "'1': expected 2 or 3 numbers"),
        (f"{GENERATE} --depth-unit mm", "Say which, in Blender as the Unit under Depth"),
        ("serve --port 0 --data-dir served --workers cpu", "'cpu' names no worker"),
        ("serve --port 0 --data-dir served --workers light,card9", "has no card 9 for a worker"),
        ("serve --port 0 --data-dir served --cards-per-worker 2", "named: --workers light,card0+1"),
        ("serve --log-format xml", "'xml': expected text or json"),
        ("depth calibrate depth.npy --point 1,1=1 --point 2,2=2 --numbers up", "'up': expected distance or inverse"),
        ("depth calibrate depth.npy --point 1,1=1 --point 2,2=2 --along x", "'x': expected ray or z"),
        (
            "depth calibrate depth.npy --ground 0,0,8,8 --camera-height 1.6 --horizon inf",
            "'inf': expected a share of the photo's height",
        ),
        ("data render set --motion 0.5 0.1", "expected a least below 0.5 and a larger most, or 0 0"),
        ("depth predict frames/0.png --predictor nosuch", "There is no such depth predictor: nosuch"),
        ("nosuch", "No such command 'nosuch'"),
    ],
)
def test_misuse_is_told_in_words(folder: Path, line: str, words: str) -> None:
    result = CliRunner().invoke(app, line.split(" "), terminal_width=400, env={"COLUMNS": "400"})
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert words in " ".join(result.output.split())
