"""What Blender, or a thread, calls by itself: no error leaves it, as nobody is there to take it."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any

from .errors import RealCamError
from .unforeseen import keep_traceback, logged, told

log = logging.getLogger(__name__)

QUIET_SECONDS = 60.0
"""After so long without an error, the same one counts as another."""


class Guard:
    """A function from which no error leaves. The same error again, as of what is drawn all the time, is logged once.

    Also where it is called without one in between: a panel may be drawn in two windows, and break in one.

    Attributes:
        function: What is guarded; it may be exchanged.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        what: str,
        ended: Callable[[RealCamError], Any] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guard a function.

        Args:
            function: Any.
            what: one clause, what its error ended.
            ended: Ends what the call belonged to; its answer is the call's. None: nothing is to be ended.
            clock: Tells how long ago the last error was, in seconds.
        """
        self.function = function
        self._what = what
        self._ended = ended
        self._clock = clock
        self._last, self._last_at = "", clock()

    def __call__(self, *arguments: Any) -> Any:
        """The function's answer; after an error that of `ended`, or None."""
        try:
            answer = self.function(*arguments)
        except Exception as error:
            words = told(error, self._what)
            now = self._clock()
            if words.sentence != self._last or now - self._last_at > QUIET_SECONDS:
                keep_traceback(error)
                log.exception("%s", self._what)
            self._last, self._last_at = words.sentence, now
            answer = None
            with logged(f"{self._what}, and what it belonged to could not be ended"):
                answer = None if self._ended is None else self._ended(words)
        return answer


def with_parameter_count(guard: Guard, count: int) -> Callable[..., Any]:
    """A function of exactly so many parameters, by which Blender decides what it calls it with, that calls the guard.

    Args:
        guard: What is called; the function has it as its attribute of this name.
        count: 0 to 3; 8 to 10, as what draws a list's items may have.
    """

    def none() -> Any:
        return guard()

    def one(a: Any) -> Any:
        return guard(a)

    def two(a: Any, b: Any) -> Any:
        return guard(a, b)

    def three(a: Any, b: Any, c: Any) -> Any:
        return guard(a, b, c)

    def eight(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
        return guard(a, b, c, d, e, f, g, h)

    def nine(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any) -> Any:
        return guard(a, b, c, d, e, f, g, h, i)

    def ten(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any, j: Any) -> Any:
        return guard(a, b, c, d, e, f, g, h, i, j)

    functions: dict[int, Callable[..., Any]]
    functions = {0: none, 1: one, 2: two, 3: three, 8: eight, 9: nine, 10: ten}
    guarded: Any = functions[count]
    guarded.guard = guard
    return functions[count]


def parameter_count(function: Callable[..., Any]) -> int:
    """How many parameters a function is called with: of a bound method, without the first."""
    return int(function.__code__.co_argcount - inspect.ismethod(function))


def entry_point(
    what: str, ended: Callable[[RealCamError], Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator of a function that Blender, or a thread, calls by itself: no error leaves it; see Guard.

    Args:
        what: one clause, what its error ended.
        ended: Ends what the call belonged to; its answer is the call's. None: nothing is to be ended.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.wraps(function)(with_parameter_count(Guard(function, what, ended), parameter_count(function)))

    return decorate
