"""What Blender calls of a class, guarded: an operator that breaks ends in words and leaves nothing of its own behind, a
panel that breaks says so in its place, and a property keeps the value that it has.

The one place where an operator's error is reported: an operator catches only what it has to put something back for.

Blender counts the parameters of each function that it is given; see `with_parameter_count`.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import bpy

from ..core.entry_points import Guard, parameter_count, with_parameter_count
from ..core.errors import RealCamError
from ..core.unforeseen import in_words, logged
from .operator_result import OperatorResult

Method = Callable[..., OperatorResult]

DRAWN = ("draw", "draw_header_preset", "draw_item")
"""Methods that draw."""
ASKED = ("poll", "poll_drop", "description")
"""Class methods that Blender asks."""
CALLBACKS = {"get": 1, "set": 2, "update": 2, "items": 2, "poll": 2, "search": 3}
"""Functions of a property -> how many parameters."""


def guarded(classes: Iterable[type]) -> tuple[type, ...]:
    """The classes, changed so that no error leaves what Blender calls of them.

    An operator that stops so is cancelled and reports the error. One that waits for events ends as it does when Blender
    ends it (`cancel`); where that is not what it should do, it has a method `ended_by(context, error)`.
    """
    found = tuple(classes)
    for cls in found:
        if issubclass(cls, bpy.types.Operator):
            for name, guard in (("execute", _without_event), ("invoke", _with_event), ("modal", _with_event)):
                method = getattr(cls, name, None)
                if callable(method) and not hasattr(method, "guards"):
                    setattr(cls, name, guard(method))
        _guard_methods(cls)
        _guard_properties(cls)
    return found


# --- operators --------------------------------------------------------------------------------------------------------


def _without_event(method: Method) -> Method:
    @functools.wraps(method)
    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        return _run(self, context, partial(entry.guards, self, context), waiting=False)

    entry: Any = execute
    entry.guards = method
    return execute


def _with_event(method: Method) -> Method:
    @functools.wraps(method)
    def take_event(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        call = partial(entry.guards, self, context, event)
        return _run(self, context, call, waiting=method.__name__ == "modal")

    entry: Any = take_event
    entry.guards = method
    return take_event


def _run(
    operator: Any, context: bpy.types.Context, method: Callable[[], OperatorResult], waiting: bool
) -> OperatorResult:
    try:
        with in_words(f"{operator.bl_label} stopped"):
            return method()
    except RealCamError as error:
        with logged(f"{operator.bl_label} could not be ended"):
            _end(operator, context, error, waiting)
        operator.report({"ERROR"}, error.sentence)
        return {"CANCELLED"}


def _end(operator: Any, context: bpy.types.Context, error: RealCamError, waiting: bool) -> None:
    if hasattr(operator, "ended_by"):
        operator.ended_by(context, error)
    elif waiting and hasattr(operator, "cancel"):
        operator.cancel(context)


# --- what is drawn and asked ------------------------------------------------------------------------------------------


def _guard_methods(cls: Any) -> None:
    label = getattr(cls, "bl_label", cls.__name__)
    for name in DRAWN:
        method = getattr(cls, name, None)
        if callable(method) and _is_ours(method):
            setattr(cls, name, _drawing(method, f"{label} could not be drawn"))
    for name in ASKED:
        method = getattr(cls, name, None)
        if callable(method) and _is_ours(method):
            answer = "" if name == "description" else False
            guard = Guard(method.__func__, f"{label} could not be asked", _answering(answer))
            setattr(cls, name, classmethod(with_parameter_count(guard, parameter_count(method.__func__))))
    cancel = getattr(cls, "cancel", None)
    if issubclass(cls, bpy.types.Operator) and callable(cancel) and _is_ours(cancel):
        cls.cancel = with_parameter_count(Guard(cancel, f"{label} could not be ended", None), 2)


def _answering(answer: Any) -> Callable[[RealCamError], Any]:
    """A function that answers so, whatever the error."""
    return lambda _error: answer


def _is_ours(method: Any) -> bool:
    """Whether a method is written in Python, here, and not guarded yet."""
    function = getattr(method, "__func__", method)
    return hasattr(function, "__code__") and not hasattr(function, "guard")


def _drawing(method: Callable[..., Any], what: str) -> Callable[..., Any]:
    """A method that draws; where it breaks, one line says so in what it had drawn."""

    @functools.wraps(method)
    def told(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception:
            # A list's item is given the layout; a panel has its own.
            layout = arguments[2] if len(arguments) > 2 else arguments[0].layout
            layout.label(text=f"{what}: see the console", icon="ERROR")
            raise

    return with_parameter_count(Guard(told, what, None), parameter_count(method))


# --- properties -------------------------------------------------------------------------------------------------------


def _guard_properties(cls: Any) -> None:
    """Guard the functions of a class's properties, those of its mixins too, before it is registered."""
    for base in declaring_classes(cls):
        hints = typing.get_type_hints(base)
        for name in base.__annotations__:
            base.__annotations__[name] = guarded_property(name, hints[name])


def declaring_classes(cls: type) -> list[type]:
    """The class and its mixins, those of the add-on that declare properties: each has its own annotations."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith(__package__.partition(".ui")[0])]
    return [base for base in ours if "__annotations__" in vars(base)]


def guarded_property(name: str, declared: Any) -> Any:
    """A property as `bpy.props` declares it, its functions guarded; anything else as it is.

    After an error a property reads as its default, an unreadable list of items is empty, and nothing is set.
    """
    keywords = getattr(declared, "keywords", None)
    if not isinstance(keywords, dict):
        return declared
    for key, count in CALLBACKS.items():
        function = keywords.get(key)
        if callable(function) and not hasattr(function, "guard"):
            answer = {"get": _default(declared), "items": ()}.get(key)
            guard = Guard(function, f"{name} ({key}) failed", _answering(answer))
            keywords[key] = with_parameter_count(guard, count)
    return declared


def _default(declared: Any) -> Any:
    """What a property reads as when its own function fails."""
    zero = {"BoolProperty": False, "IntProperty": 0, "FloatProperty": 0.0, "StringProperty": "", "EnumProperty": 0}
    kind = declared.function.__name__
    return 0 if kind == "EnumProperty" else declared.keywords.get("default", zero.get(kind))
