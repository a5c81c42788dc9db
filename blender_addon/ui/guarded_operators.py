"""Operators that end in words whatever is raised in them, and leave nothing of theirs behind.

The one place where an operator's error is reported: an operator catches only what it has to put something back for.

Blender counts the parameters of each method that it is given: so there is one wrapper with an event, and one without.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import bpy

from ..core.errors import RealCamError
from ..core.unforeseen import in_words, logged
from .operator_result import OperatorResult

Method = Callable[..., OperatorResult]


def guarded(classes: Iterable[type]) -> tuple[type, ...]:
    """The classes, their operators changed so that no error leaves them.

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
    return found


def _without_event(method: Method) -> Method:
    @functools.wraps(method)
    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        return _run(self, context, partial(method, self, context), waiting=False)

    execute.guards = method  # type: ignore[attr-defined]
    return execute


def _with_event(method: Method) -> Method:
    @functools.wraps(method)
    def take_event(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        return _run(self, context, partial(method, self, context, event), waiting=method.__name__ == "modal")

    take_event.guards = method  # type: ignore[attr-defined]
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
