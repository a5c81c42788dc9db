"""Writes fixtures/payloads: the orders and results of jobs, and the files that are read back (records of jobs under
way, takes, metadata, a plan, an evaluation).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender_addon.core.camera_check import CheckResult, encode_check_result
from blender_addon.core.depth_request import DepthResult, encode_depth_result
from blender_addon.core.framing import Buffer
from blender_addon.core.headless_plan import HeadlessPlan, PlannedMove
from blender_addon.core.job_file import encode_order
from blender_addon.core.shot import ClipMetadata, ClipSidecar, ShotSettings
from blender_addon.generation.job_records import CheckOrder, JobRecord, PhotoOrder
from blender_addon.timeline.take import PhotoState, Take
from server.data.motorcycle import Motorcycle
from server.evaluation.records import (
    AgreementRecord,
    ClipEvaluation,
    EvaluationReport,
    FrameRecord,
    PublishedErrors,
    TrialRecord,
)
from server.evaluation.report import write_json
from tests.compatibility import orders

JOB, DIGEST = "0123456789abcdef0123456789abcdef", "0f" * 32
SETTINGS = ShotSettings(
    engine="realcam",
    prompt="ein Motorrad, grün",
    negative_prompt="blur",
    seed=2**31 - 1,
    options={"steps": 12, "guidance": 5.5, "faithful": True, "shaping": "clean"},
)


def make_payloads(bike: Motorcycle, target: Path) -> None:
    """Write them all."""
    target.mkdir(parents=True, exist_ok=True)
    _write_orders(bike, target)
    _write_results(target)
    _write_records(target)


def _write_orders(bike: Motorcycle, target: Path) -> None:
    """Each as the client uploads it (.blob), and its arrays and words beside it."""
    plain, ending = orders.shot(bike, "copy", 2, pause=0.25), orders.shot(bike, "draft", 2, last_image=True)
    for name, shot in (("shot", plain), ("shot_with_last_image", ending)):
        (target / f"{name}.blob").write_bytes(encode_order(shot))
        arrays = {
            "camera_to_world": shot.trajectory.camera_to_world,
            "intrinsics": shot.trajectory.intrinsics,
            "preview": shot.preview,
            "photo": shot.photo,
            "photo_intrinsics": shot.photo_intrinsics,
            "depth": shot.depth,
            **({} if shot.last_image is None else {"last_image": shot.last_image}),
        }
        words = {
            "settings": msgspec.to_builtins(shot.settings),
            "size": [shot.trajectory.width, shot.trajectory.height],
            "fps": shot.trajectory.fps,
            "depth_edge": shot.depth_edge,
        }
        _write_expected(target / name, arrays, words)
    asked = orders.depth_request(bike)
    (target / "depth_request.blob").write_bytes(encode_order(asked))
    words = {"settings": msgspec.to_builtins(asked.settings), "typed_mm": asked.typed_mm, "exif_mm": asked.exif_mm}
    _write_expected(target / "depth_request", {"photo": asked.photo}, words)
    check = orders.check_request(bike)
    (target / "check_request.blob").write_bytes(encode_order(check))
    arrays = {
        "camera_to_world": check.trajectory.camera_to_world,
        "intrinsics": check.trajectory.intrinsics,
        "frames": check.frames,
        "depth": check.depth,
        "depth_intrinsics": check.depth_intrinsics,
    }
    words = {
        "settings": msgspec.to_builtins(check.settings),
        "size": [check.trajectory.width, check.trajectory.height],
        "fps": check.trajectory.fps,
    }
    _write_expected(target / "check_request", arrays, words)


def _write_results(target: Path) -> None:
    ramp = np.linspace(0.5, 9.5, 96, dtype=np.float32).reshape(8, 12)
    depth = ramp.copy()
    depth[0, :3] = np.nan
    touched = np.zeros((8, 12), dtype=np.uint8)
    touched[0, :3] = 4
    intrinsics = np.array([[10.5, 0, 6], [0, 10.5, 4], [0, 0, 1]])
    words = {"focal_source": "35 mm, typed", "predictor": "Wall", "licence": "Apache 2.0"}
    result = DepthResult(depth, ramp, touched, intrinsics, **words)
    (target / "depth_result.npz").write_bytes(encode_depth_result(result))
    arrays = {"depth": depth, "before": ramp, "touched": touched, "intrinsics": intrinsics}
    _write_expected(target / "depth_result", arrays, words)
    poses = orders.path(3).camera_to_world[[0, 2]]
    check = CheckResult(
        frames=3,
        placed=(0, 2),
        achieved=tuple(tuple(map(tuple, pose)) for pose in poses.tolist()),
        degrees=(0.125, 0.25),
        metres=(0.0, 0.5),
        metric=False,
        scale=None,
        findings=("The camera follows.", "Frame 2 could not be placed."),
    )
    (target / "check_result.json").write_bytes(encode_check_result(check))


def _write_expected(stem: Path, arrays: dict[str, Buffer], words: dict[str, Any]) -> None:
    np.savez_compressed(stem.with_suffix(".expected.npz"), **arrays)
    stem.with_suffix(".expected.json").write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")


# --- files that are read back ---------------------------------------------------------------------------------------


def _write_records(target: Path) -> None:
    state = PhotoState(imported_at=1700000000.5, scale=1.25, intrinsics=[[60.0, 0, 24.0], [0, 60.0, 16.0], [0, 0, 1]])
    clip = JobRecord(
        job_id=JOB,
        server="127.0.0.1:47110",
        title="Straße",
        blend="/home/artist/shot.blend",
        scene="Scene",
        camera="Camera",
        folder="/home/artist/realcam/Straße/take_001",
        settings=SETTINGS,
        artist_width=1920,
        artist_height=1080,
        pixel_aspect=1.5,
        frame_start=-3,
        frame_end=48,
        submitted_at=1700000000.25,
        photo_state=state,
        last_image="//ending.png",
    )
    photo = PhotoOrder(
        path="/home/artist/photo.jpg",
        focal_mm=35.0,
        prefer_focal_mm=True,
        calibration=(60.0, 60.0, 24.0, 16.0),
        depth_edge=0.07,
        max_vertices=5000,
        add_camera=False,
    )
    records = {
        "clip": clip,
        "depth": msgspec.structs.replace(clip, photo=photo, photo_state=None, last_image=""),
        "check": msgspec.structs.replace(clip, check=CheckOrder(shot="Straße", take=2)),
    }
    for name, record in records.items():
        (target / f"job_of_{name}.json").write_bytes(msgspec.json.encode(record))
    poses = orders.path(2)
    metadata = ClipMetadata(
        engine="realcam",
        engine_version="1 (torch 2.13)",
        settings=SETTINGS,
        width=orders.WIDTH,
        height=orders.HEIGHT,
        fps=23.976,
        camera_to_world=poses.camera_to_world.tolist(),
        intrinsics=poses.intrinsics.tolist(),
        weights_hash="random-tiny-0",
        last_image_sha256=DIGEST,
        seconds=12.5,
        draft=True,
    )
    sidecar = ClipSidecar(metadata=metadata, notes=("The prompt was longer than the model reads.",))
    (target / "metadata.json").write_bytes(msgspec.json.encode(sidecar))
    take = Take(
        shot="Straße",
        number=2,
        folder="//realcam/Straße/take_002",
        folder_when_made="/home/artist/realcam/Straße/take_002",
        frames=2,
        width=orders.WIDTH,
        height=orders.HEIGHT,
        frame_start=-3,
        frame_end=48,
        artist_width=1920,
        artist_height=1080,
        pixel_aspect=1.5,
        settings=SETTINGS,
        engine_version="1 (torch 2.13)",
        draft=True,
        seconds=12.5,
        camera="Camera",
        job_id=JOB,
        created="2026-11-29T00:00:00+00:00",
        photo=state,
        last_image="//ending.png",
        notes=("The prompt was longer than the model reads.",),
    )
    (target / "take.json").write_bytes(msgspec.json.format(msgspec.json.encode(take)))
    (target / "plan.json").write_bytes(msgspec.json.encode(_plan()))
    write_json(_report(), target / "evaluation.json")


def _plan() -> HeadlessPlan:
    return HeadlessPlan(
        photo="/home/artist/photo.jpg",
        depth="/home/artist/depth.npy",
        blend="/home/artist/shot.blend",
        preview_frames="/home/artist/preview",
        title="Straße",
        settings=SETTINGS,
        host="127.0.0.1",
        control_port=47110,
        data_port=47111,
        moves=(PlannedMove(name="dolly", first=1, last=48, values={"distance": 0.5}, easing="linear"),),
        depth_scale=0.001,
        disparity=(994.978, 0.193001, 31.086),
        focal_mm=35.0,
        intrinsics=[[60.0, 0, 24.0], [0, 60.0, 16.0], [0, 0, 1]],
        last_image="/home/artist/ending.png",
        pivot=2.5,
        trust_unit=True,
        render_size=(640, 400),
        clip_size=(256, 256),
        clip_frames=8,
        frame_start=2,
        frame_end=50,
        scene_fps=25,
    )


def _report() -> EvaluationReport:
    errors = PublishedErrors(rot_err=0.1, trans_err_rel=0.2, cam_mc_rel=0.3, trans_err_abs=0.4, cam_mc_abs=None)
    trials = [
        TrialRecord(
            seed=0,
            failure="",
            placed=2,
            points=120,
            reprojection_error=0.5,
            metres_per_unit=1.5,
            scale_votes=90,
            scale_spread=0.02,
            errors=errors,
        ),
        TrialRecord(
            seed=1,
            failure="no two frames could be matched",
            placed=0,
            points=0,
            reprojection_error=None,
            metres_per_unit=None,
            scale_votes=0,
            scale_spread=None,
            errors=None,
        ),
    ]
    pose = np.eye(4).tolist()
    clip = ClipEvaluation(
        clip="clip",
        reference="its shot",
        frames=2,
        width=orders.WIDTH,
        height=orders.HEIGHT,
        metric=True,
        trials=trials,
        failed=1,
        errors=errors,
        errors_per_frame=[FrameRecord(degrees=0.1, metres=0.01), FrameRecord(degrees=None, metres=None)],
        scale=1.02,
        delay=0.25,
        mirror="",
        findings=("The camera follows.",),
        notes=("One solve failed.",),
        asked=[pose, pose],
        achieved=[pose, None],
        agreement=AgreementRecord(psnr=[30.5, None], ssim=[0.9, None], visible=[0.75, 0.0]),
        seconds=3.5,
    )
    return EvaluationReport(clips=[clip], errors=errors, solves=2, failed_solves=1, video_distance=12.5)
