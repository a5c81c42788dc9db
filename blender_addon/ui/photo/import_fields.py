"""The fields of a photo's import, the same in the operator and in the panel."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, IntProperty, StringProperty

from ...blend_paths import blend_path
from ...core.camera.projection import intrinsics_matrix
from ...core.depth.depth_file import DEPTH_SUFFIXES, METRIC_SUFFIXES
from ...core.errors import PhotoError
from ...core.payloads.import_request import SETTING_FIELDS, DepthFile, ImportRequest, ImportSettings
from ...disk_looks import looks
from .depth_fields import OF_THIS_PHOTO, DepthFields, depth_format, draw_depth_fields

DEPTH_NAMES = ("{}_depth", "{}-depth", "{}.depth", "depth_{}", "{}_disparity", "{}_disp", "{}")
"""Names that the depth of a photo `{}` commonly has beside it."""


class PhotoImportFields(DepthFields):
    """Mixed into an operator and a property group."""

    depth_path: StringProperty(
        name="Depth",
        description="The photo's depth: 16-bit PNG or TIFF, EXR, NPY or NPZ; or a picture of relative depth. Found by "
        "itself when it lies beside the photo and is called like it",
        subtype="FILE_PATH",
        options=OF_THIS_PHOTO | {"PATH_SUPPORTS_BLEND_RELATIVE"},
    )


PROPERTY_NAMES = {"intrinsics": "calibration"}
"""Settings that Blender's files and scripts know by another name."""
HOW_TO_BUILD = ("depth_edge", "max_vertices", "to_photo", "add_camera")
"""Settings that hold for the next photo too; the others are about one photo."""

_KINDS = {bool: BoolProperty, int: IntProperty, float: FloatProperty, list: FloatVectorProperty}
_SHOWN: dict[str, dict[str, Any]] = {
    "focal_mm": {"default": 0.0, "min": 0.0, "soft_max": 300.0, "unit": "CAMERA"},
    "intrinsics": {"default": (0.0, 0.0, 0.0, 0.0), "size": 4, "min": 0.0, "precision": 3},
    "depth_edge": {"subtype": "FACTOR", "soft_max": 0.3, "precision": 3},
    "max_vertices": {"soft_max": 4_000_000},
}
"""What Blender needs besides to draw a setting. Zero stands there for a number that is not given."""
_ZERO = {"focal_mm": ". 0: from the photo, or 55° across where it tells none", "intrinsics": "; zeros: none"}


def setting_property(name: str, **more: Any) -> Any:
    """A Blender property for one of the ImportSettings."""
    setting = SETTING_FIELDS[name]
    limits = {"min": setting.minimum, "max": setting.maximum}
    return _KINDS[setting.kind](
        name=setting.title,
        description=setting.description + _ZERO.get(name, ""),
        **{
            "default": setting.default,
            **{limit: value for limit, value in limits.items() if value is not None},
            **_SHOWN.get(name, {}),
            **more,
        },
    )


SETTING_PROPERTIES = {PROPERTY_NAMES.get(name, name): name for name in SETTING_FIELDS}
"""The name of the setting by the name of its property."""
PhotoImportFields.__annotations__.update(
    {
        shown: setting_property(name, options={"ANIMATABLE"} if name in HOW_TO_BUILD else OF_THIS_PHOTO)
        for shown, name in SETTING_PROPERTIES.items()
    }
)
FIELDS = (*DepthFields.__annotations__, *PhotoImportFields.__annotations__)
OF_ONE_PHOTO = tuple(name for name in FIELDS if name not in HOW_TO_BUILD)
"""Fields that say nothing about another photo."""


LENS_NAMES = ("fx", "fy", "cx", "cy")
"""The four numbers of a calibration."""


def draw_fields(layout: Any, fields: Any) -> None:
    """Draw all fields but the two paths, under a heading for each subject."""
    column = _under(layout, "Depth")
    draw_depth_fields(column, fields)
    column.prop(fields, "trust_scale")
    column.prop(fields, "to_photo")
    column = _under(layout, "Lens")
    column.prop(fields, "focal_mm")
    numbers = column.column(align=True)
    for index, name in enumerate(LENS_NAMES):
        numbers.prop(fields, "calibration", index=index, text=f"Calibration {name}" if index == 0 else name)
    column = _under(layout, "Mesh")
    for name in ("depth_edge", "max_vertices", "add_camera"):
        column.prop(fields, name)


def _under(layout: Any, heading: str) -> Any:
    column = layout.column()
    column.separator()
    column.label(text=heading)
    return column


def import_settings(fields: Any) -> ImportSettings:
    """The import settings that the fields hold."""
    values = {name: getattr(fields, shown) for shown, name in SETTING_PROPERTIES.items()}
    calibration = tuple(values["intrinsics"])
    values["intrinsics"] = intrinsics_matrix(*calibration).tolist() if any(calibration) else None
    return ImportSettings(**{**values, "focal_mm": values["focal_mm"] or None})


def import_request(photo: str, fields: Any) -> ImportRequest:
    """The import that the fields ask for; depth that is not named is looked for beside the photo.

    Raises:
        PhotoError: There is no photo, or no depth.
    """
    path = blend_path(photo)
    named = fields.depth_path.strip()
    depth = blend_path(named) if named else depth_beside(path)
    if depth is None and not path.is_file():
        raise PhotoError("There is no such photo", str(path))
    if depth is None:
        raise no_depth(path)
    return ImportRequest(path, DepthFile(depth, depth_format(fields)), import_settings(fields))


def has_depth(fields: Any) -> bool:
    """Whether the photo of the panel has a depth: a file that was chosen, or one beside it."""
    if fields.depth_path.strip():
        return True
    photo = blend_path(fields.photo_path)
    return looks.answer(("depth", photo), lambda: depth_beside(photo) is not None, False)


def depth_beside(photo: Path) -> Path | None:
    """The one depth file that lies beside a photo under a common name; None when there is none, or several."""
    found = depths_beside(photo)
    return found[0] if len(found) == 1 else None


def depths_beside(photo: Path) -> list[Path]:
    """Every depth file beside a photo whose name says so; where there is none, of the photo's own name.

    A picture of the photo's own name is another photo, unless its kind holds depth.
    """
    named = [name for name in DEPTH_NAMES if name != "{}"]
    return _there(photo, named, DEPTH_SUFFIXES) or _there(photo, ["{}"], METRIC_SUFFIXES)


def _there(photo: Path, names: Iterable[str], suffixes: Iterable[str]) -> list[Path]:
    paths = (photo.with_name(name.format(photo.stem) + suffix) for name in names for suffix in suffixes)
    return [path for path in paths if path != photo and path.is_file()]


def no_depth(photo: Path) -> PhotoError:
    """What is said of a photo without one depth beside it."""
    found = depths_beside(photo)
    if not found:
        return PhotoError(f"No depth was found beside {photo.name}", remedy="Choose its depth file.")
    names = ", ".join(path.name for path in found)
    return PhotoError(f"Several depth files lie beside {photo.name}", names, "Choose one of them.")
