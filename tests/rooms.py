"""The rooms of the two packages: which of its neighbours each part may import. Read by test_architecture.py."""

from __future__ import annotations

SCENE_AND_BELOW = {"core", "blender_versions", "colour_spaces", "datablocks", "scene"}
FORMATS_COMMON = {"camera_file", "text_lines", "frame_order", "frame_times", "lens_models", "pose_convention"}
BELOW_UI = {"shot", "timeline", "camera_check", "generation"}
UI_MODULES = {
    *("server_status", "text_wrap", "sidebar", "operator_result", "guarded_operators", "lengths"),
    *("preferences", "preview_state", "redraw", "view_under", "engine_choice"),
    *("engine_options", "engine_presets", "manual_map", "clip_format"),
}
ENGINE_ROOMS = {
    *("packages", "compositing", "diffusion", "geometry", "model"),
    *("depth", "reconstruction", "datasets", "evaluation"),
}
SERVICE_ROOMS = {*ENGINE_ROOMS, "engines", "service", "terminal"}
SERVICE_MODULES = {"logs", "wakeup", "options"}
ENGINES_COMMON = {
    *("engine", "graphics_card", "compute_device", "random_weights", "shot_pictures", "source_version", "clip_digest"),
    "keep_seen",
}
NETWORK = {"config", "errors", "tokenizer", "vae", "clip_encoders", "cpu", "unet"}

ROOMS: dict[str, dict[str, set[str]]] = {
    "blender_addon": {
        **{module: set() for module in ("core", "datablocks", "user_folder", "blend_paths", "viewport_drawing")},
        "blender_versions": {"core"},
        "colour_spaces": {"core", "blender_versions"},
        "disk_looks": {"core"},
        "scene": {"core", "blender_versions", "colour_spaces", "datablocks"},
        "timeline": {"core", "blender_versions", "colour_spaces", "datablocks", "user_folder"},
        "shot": SCENE_AND_BELOW,
        "camera_check": {*SCENE_AND_BELOW, "shot", "timeline"},
        "generation": {*SCENE_AND_BELOW, "blend_paths", "user_folder", "shot", "timeline", "camera_check"},
        "ui": {*SCENE_AND_BELOW, "blend_paths", "disk_looks", "viewport_drawing", *BELOW_UI},
        "headless": {"core", "datablocks", "scene", "shot", "generation", "ui"},
        "__init__": {"ui"},
    },
    "blender_addon/core": {
        "arrays": set(),
        "printable": set(),
        "child_text": set(),
        "file_paths": set(),
        "errors": {"printable"},
        "unforeseen": {"errors"},
        "entry_points": {"errors", "unforeseen"},
        "programs": set(),
        "awake_clock": set(),
        "foreign_files": set(),
        "held_files": set(),
        "atomic_file": {"held_files"},
        "version": set(),
        "progress": {"arrays"},
        "camera": {"arrays", "errors", "foreign_files"},
        "photo": {"arrays", "errors"},
        "setting_fields": set(),
        "depth": {"arrays", "errors", "setting_fields", "camera", "photo"},
        "protocol": {"arrays", "awake_clock", "held_files", "printable", "errors", "progress", "camera", "depth"},
        "payloads": {"arrays", "printable", "errors", "setting_fields", "camera", "depth", "protocol"},
        "__init__": set(),
    },
    "blender_addon/core/camera/formats": {
        **{module: set() for module in FORMATS_COMMON},
        "frame_times": {"camera_file"},
        "colmap": FORMATS_COMMON,
        "nerf": FORMATS_COMMON,
        "dispatch": {*FORMATS_COMMON, "colmap", "nerf", "*"},
        "__init__": {"camera_file", "dispatch"},
        "*": FORMATS_COMMON,
    },
    "blender_addon/scene": {
        "axes": set(),
        "reference_camera": set(),
        "scene_frame": set(),
        "mesh": {"axes"},
        "textured_mesh": {"mesh"},
        "damaged_picture": set(),
        "photo_file": {"damaged_picture"},
        "units": set(),
        "grid_places": set(),
        "photo_frame": {"axes", "mesh"},
        "simplified_mesh": {"axes", "grid_places", "mesh"},
        "photo_scene": {"mesh", "photo_file", "photo_frame", "simplified_mesh"},
        "edited_mesh": {
            *("mesh", "photo_frame", "photo_scene", "reference_camera", "simplified_mesh", "axes", "units"),
        },
        "editing": {"axes", "grid_places", "mesh", "photo_scene", "reference_camera", "scene_frame", "units"},
        "importing": {
            *("axes", "mesh", "textured_mesh", "damaged_picture", "photo_file", "photo_scene", "reference_camera"),
            *("units", "editing"),
        },
        "handmade": {"axes", "mesh", "photo_frame", "photo_scene", "reference_camera", "editing"},
        "__init__": {"photo_file", "photo_scene", "importing"},
    },
    "blender_addon/ui": {
        **{module: set() for module in UI_MODULES},
        "clip_format": {"engine_choice"},
        "engine_options": {"engine_choice", "engine_presets", "guarded_operators"},
        "preferences": {"server_status", "text_wrap"},
        "predictors": UI_MODULES,
        "photo": {*UI_MODULES, "predictors"},
        "layout": {*UI_MODULES, "predictors", "photo"},
        "calibration": {*UI_MODULES, "photo"},
        "handmade": {*UI_MODULES, "photo", "layout"},
        "takes": UI_MODULES,
        "jobs": {*UI_MODULES, "photo", "takes"},
        "depth": {*UI_MODULES, "predictors", "photo", "jobs"},
        "check": {*UI_MODULES, "takes", "jobs"},
        "shot": {*UI_MODULES, "takes", "jobs"},
        "properties": {*UI_MODULES, "predictors", "photo", "layout", "takes"},
        "guarded_operators": {"operator_result"},
        "lengths": {"guarded_operators"},
        "__init__": {
            *UI_MODULES,
            *("predictors", "photo", "calibration", "layout", "handmade"),
            *("takes", "jobs", "depth", "check", "shot", "properties"),
        },
    },
    "server": {
        "compositing": set(),
        "diffusion": set(),
        "geometry": set(),
        "packages": set(),
        "depth": {"packages", "diffusion", "geometry", "model"},
        "model": {"diffusion", "geometry"},
        "reconstruction": {"packages", "geometry"},
        "datasets": {"packages", "geometry", "depth", "reconstruction"},
        "evaluation": {"packages", "geometry", "depth", "reconstruction", "datasets"},
        "engines": ENGINE_ROOMS,
        "training": ENGINE_ROOMS,
        "service": {"engines"},
        "terminal": {"geometry", "depth", "engines", "service"},
        "demo": SERVICE_ROOMS,
        "bench": {*SERVICE_ROOMS, "training", "demo"},
        "commands": {*SERVICE_ROOMS, "training", "bench", "demo"},
        "cli": {"commands"},
        "__main__": {"service"},
        "__init__": set(),
    },
    "server/diffusion": {"schedule": set(), "flow": {"schedule"}, "*": {"schedule"}, "__init__": set()},
    "server/training": {"worlds": set(), "nano": {"worlds", "*"}, "*": set(), "__init__": set()},
    "server/bench": {"fill_truth": set(), "peak_memory": set(), "*": {"peak_memory"}},
    "server/model": {
        "config": set(),
        "errors": set(),
        "cpu": set(),
        "tokenizer": {"config", "errors"},
        "vae": {"config"},
        "clip_encoders": {"config"},
        "unet": {"config", "cpu"},
        "packed": {"cpu", "unet"},
        "model": NETWORK,
        "sampling": {*NETWORK, "packed", "model"},
        "weights": {*NETWORK, "model", "sampling"},
        "__init__": set(),
    },
    "server/engines": {
        **{module: set() for module in ENGINES_COMMON},
        "draft": ENGINES_COMMON,
        "realcam": ENGINES_COMMON,
        "depth": ENGINES_COMMON,
        "camera_check": ENGINES_COMMON,
        "registry": {*ENGINES_COMMON, "draft", "realcam", "depth", "camera_check"},
        "__init__": set(),
    },
    "server/engines/realcam": {"memory": set(), "*": {"memory"}},
    "server/service": {
        "logs": set(),
        "wakeup": set(),
        "jobs": set(),
        "options": {"logs", "jobs"},
        "metrics": set(),
        "ready_file": set(),
        "workers": {*SERVICE_MODULES, "jobs"},
        "requests": {*SERVICE_MODULES, "jobs", "workers"},
        "service": {*SERVICE_MODULES, "ready_file", "jobs", "workers", "requests"},
        "serving": {"metrics", "options", "ready_file", "service"},
        "__init__": set(),
    },
    "server/commands": {
        "friendly_errors": set(),
        "options": {"friendly_errors"},
        "bench": {"friendly_errors", "options"},
        "training": {"friendly_errors", "options"},
        "depth_output": set(),
        "depth_by_hand": {"depth_output", "friendly_errors", "options"},
        "*": {"depth_by_hand", "depth_output", "friendly_errors", "options", "training"},
    },
}
"""Room -> what stands in it (a module, a folder or a pattern) -> its neighbours there that it may import.

Nothing outside a package is said here: tests below say what the server sees of the add-on, and which libraries.
"""

TORCH_ROOMS = {
    *("server/model", "server/diffusion", "server/geometry", "server/depth", "server/engines/realcam"),
    *("server/engines/compute_device.py", "server/engines/clip_digest.py"),
    *("server/training", "server/bench", "server/commands/bench", "server/evaluation/frechet.py"),
    "server/reconstruction/learned_features.py",
}
"""Where networks are: nothing else may import PyTorch."""
