"""What a panel or a command line shows of each field of a settings struct, taken from its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True)
class SettingField:
    """What a panel or a command line shows of one field.

    Attributes:
        name: the field's name.
        title: its label.
        description: its tooltip.
        kind: the type of its value where one is given; str for one of several words.
        default: its default.
        minimum: None where there is no limit.
        maximum: None where there is no limit.
    """

    name: str
    title: str
    description: str
    kind: type
    default: Any
    minimum: float | None
    maximum: float | None


def setting_fields(struct: type[msgspec.Struct]) -> dict[str, SettingField]:
    """The fields by name, in the order of their declaration.

    Args:
        struct: each field is annotated with a msgspec.Meta that has a title and a description.
    """
    described = msgspec.inspect.type_info(struct)
    assert isinstance(described, msgspec.inspect.StructType)
    return {one.name: _setting_field(one) for one in described.fields}


def _setting_field(declared: msgspec.inspect.Field) -> SettingField:
    described = declared.type
    assert isinstance(described, msgspec.inspect.Metadata)
    assert described.extra_json_schema is not None
    value = described.type
    if isinstance(value, msgspec.inspect.UnionType):
        value = value.types[0]
    return SettingField(
        name=declared.name,
        title=described.extra_json_schema["title"],
        description=described.extra_json_schema["description"],
        kind=_KINDS[type(value)],
        default=declared.default,
        minimum=getattr(value, "ge", None),
        maximum=getattr(value, "le", None),
    )


_KINDS: dict[type, type] = {
    msgspec.inspect.BoolType: bool,
    msgspec.inspect.IntType: int,
    msgspec.inspect.FloatType: float,
    msgspec.inspect.ListType: list,
    msgspec.inspect.StrType: str,
    msgspec.inspect.LiteralType: str,
}
