"""The names to import: a camera path and a photo become a shot, a server makes a clip of it, an evaluation measures it.

Everything here is defined elsewhere (`blender_addon.core`, `server`); these names stay where they are when those move.
Importing them loads no torch, which RealCamPipeline needs to be made.
"""

from blender_addon.core.camera.formats import read_trajectory, write_trajectory
from blender_addon.core.camera.moves import MOVES, move_at
from blender_addon.core.camera.projection import intrinsics_from_fov, intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import (
    CameraError,
    EngineError,
    PhotoError,
    RealCamError,
    ServiceError,
    ShotError,
    WireError,
)
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import decode_shot, encode_shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability, EngineOption
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, JobStatus, StateEvent
from blender_addon.core.protocol.server_address import ServerAddress, parse_address
from server.engines.engine import Cancelled, Checkpoints, Engine, ResumableEngine
from server.engines.realcam.pipeline.pipeline import RealCamPipeline
from server.geometry.preview import render_preview
from server.terminal.generate import GenerateRequest, GenerateResult, generate
from server.terminal.local_service import local_service

__all__ = [
    "MOVES",
    "CameraError",
    "Cancelled",
    "Checkpoints",
    "Client",
    "Clip",
    "ClipMetadata",
    "DepthFile",
    "DepthFormat",
    "Engine",
    "EngineCapability",
    "EngineError",
    "EngineOption",
    "GenerateRequest",
    "GenerateResult",
    "ImportSettings",
    "JobProgress",
    "JobState",
    "JobStatus",
    "OnProgress",
    "PhotoError",
    "RealCamError",
    "RealCamPipeline",
    "ResumableEngine",
    "ServerAddress",
    "ServiceError",
    "Shot",
    "ShotError",
    "ShotSettings",
    "StateEvent",
    "Trajectory",
    "WireError",
    "decode_shot",
    "encode_shot",
    "generate",
    "intrinsics_from_fov",
    "intrinsics_matrix",
    "local_service",
    "move_at",
    "parse_address",
    "read_trajectory",
    "render_preview",
    "write_trajectory",
]
