"""All that Blender, or a thread, calls by itself is guarded, and so ends in words: the list is read from the code."""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from blender_addon.core.entry_points import parameter_count
from tests.sources import module_of, sources

pytestmark = pytest.mark.blender

REGISTERED = ("register", "draw_handler_add", "append", "prepend", "register_manual_map", "subscribe_rna", "Thread")
"""The last names of calls that give Blender, or a thread, a function."""
OWNERS = ("bpy.app.timers", "bpy.types", "bpy.utils", "bpy.msgbus", "threading")


def broken(*_arguments: Any, **_named: Any) -> Any:
    raise TypeError("made up for this test")


def given_away() -> Iterator[tuple[str, str, bool]]:
    """(module, function, whether it is guarded where it is made, in a function) of each that the add-on gives away."""
    for path in sources("blender_addon"):
        module = ".".join(module_of(path))
        tree = ast.parse(path.read_text("utf-8"))
        local = set(guarded_names(tree))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr not in REGISTERED or not ast.unparse(call.func).startswith(OWNERS):
                continue
            named = {word.arg: word.value for word in call.keywords}
            given = named.get("target") or named.get("notify") or call.args[0]
            if isinstance(given, ast.Call) and ast.unparse(given.func) == "partial":
                given = given.args[0]
            yield module, ast.unparse(given), ast.unparse(given) in local


def guarded_names(tree: ast.AST) -> Iterator[str]:
    """What is decorated as an entry point, or assigned as one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("entry_point(" in ast.unparse(d) for d in node.decorator_list):
            yield node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("entry_point("):
            yield ast.unparse(node.targets[0])


def functions() -> dict[str, Any]:
    """Where it is -> each function of the add-on that Blender calls by itself, classes' and properties' apart."""
    import bpy

    found: dict[str, Any] = {}
    for module, name, guarded_there in given_away():
        function = getattr(importlib.import_module(module), name, None)
        if function is not None or not guarded_there:
            found[f"{module}.{name}"] = function
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        for handler in handlers if isinstance(handlers, list) else ():
            if handler.__module__.startswith("blender_addon"):
                found[f"handlers.{name}"] = handler
    return found


def of_classes(bpy: Any) -> Iterator[tuple[str, Any]]:
    """Where it is -> each method and each property's function of the add-on's classes that Blender calls."""
    from blender_addon.ui.guarded_operators import ASKED, CALLBACKS, DRAWN

    bases = ("Operator", "Panel", "UIList", "Menu", "Header", "PropertyGroup", "AddonPreferences", "FileHandler")
    for base in bases:
        for cls in getattr(bpy.types, base).__subclasses__():
            if not cls.__module__.startswith("blender_addon."):
                continue
            for name in (*DRAWN, *ASKED, "cancel"):
                method = getattr(cls, name, None)
                function = getattr(method, "__func__", method)
                if hasattr(function, "__code__"):
                    yield f"{cls.__name__}.{name}", function
            for holder in cls.__mro__:
                for name, declared in vars(holder).get("__annotations__", {}).items():
                    for key in CALLBACKS:
                        if key in getattr(declared, "keywords", {}) and callable(declared.keywords[key]):
                            yield f"{cls.__name__}.{name}.{key}", declared.keywords[key]
                    assert not (isinstance(declared, str) and "Property(" in declared), (cls, name)


@pytest.fixture
def traces(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], int]]:
    """How many tracebacks were logged since they were counted last."""

    def since() -> int:
        found = [record for record in caplog.records if record.exc_info]
        caplog.clear()
        return len(found)

    with caplog.at_level(logging.ERROR):
        yield since


def test_all_that_blender_calls_is_guarded(addon: ModuleType, traces: Callable[[], int]) -> None:
    """No error leaves it, whatever it is called with; and the traceback is logged once, not at each redraw."""
    ours = functions()
    assert {"handlers.undo_post", "handlers.save_post", "blender_addon.ui.predictors.ask_server._ask"} < set(ours)
    ours |= dict(of_classes(addon))
    assert {"MainPanel.draw", "RealCamShot.engine.items", "Generate.cancel", "TakesList.draw_item"} < set(ours)
    unguarded = [name for name, function in ours.items() if not hasattr(function, "guard")]
    assert unguarded == []
    for name, function in ours.items():
        guard, count = function.guard, function.__code__.co_argcount
        assert count == parameter_count(inspect.unwrap(guard.function)), name
        kept, guard.function, guard._last = guard.function, broken, ""
        layout = SimpleNamespace(label=lambda **_words: None, layout=None)
        ended, guard._ended = guard._ended, None if name.endswith("_step") else guard._ended
        try:
            for _ in range(3):
                function(*[layout] * count)
            assert traces() == 1, name
        finally:
            guard.function, guard._ended = kept, ended


def test_each_operator_ends_in_words(addon: ModuleType, traces: Callable[[], int]) -> None:
    """Executed, invoked or waiting: it is cancelled, reports one sentence, and its traceback is logged once."""
    for cls in addon.types.Operator.__subclasses__():
        if not cls.__module__.startswith("blender_addon."):
            continue
        for name in ("execute", "invoke", "modal"):
            method = getattr(cls, name, None)
            if not hasattr(method, "__code__"):
                continue
            kept, method.guards = method.guards, broken
            said: list[str] = []
            operator = SimpleNamespace(bl_label=cls.bl_label, report=lambda _kind, text, said=said: said.append(text))
            try:
                assert method(operator, *[None] * (1 if name == "execute" else 2)) == {"CANCELLED"}
            finally:
                method.guards = kept
            assert (len(said), traces()) == (1, 1), cls


def test_a_property_reads_as_its_default(addon: ModuleType) -> None:
    """While its own function fails: a panel with many fields is drawn all the same, and nothing is set."""
    shot = addon.context.scene.realcam
    found = dict(of_classes(addon))
    guards = [function.guard for name, function in found.items() if name.startswith("RealCamShot.engine.")]
    kept = [guard.function for guard in guards]
    try:
        for guard in guards:
            guard.function = broken
        # There are no items, so it is none of them.
        assert shot.engine == ""
    finally:
        for guard, function in zip(guards, kept, strict=True):
            guard.function = function
    assert shot.engine


def test_the_timer_of_an_analysis_ends_its_job(
    quick: ModuleType, traces: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The panel is free again, and says why."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs import analysis_operator
    from blender_addon.ui.jobs.runtime import runtime
    from blender_addon.ui.preferences import server_settings

    jobs.begin("Depth", server_settings(), runtime.records())
    closed: list[bool] = []
    run: Any = SimpleNamespace(step=broken, close=lambda: closed.append(True))
    monkeypatch.setattr(analysis_operator, "_waiting", [run])
    analysis_operator._step.guard._last = ""  # type: ignore[attr-defined]
    assert analysis_operator._step() is None
    assert (jobs.busy, closed, traces()) == (False, [True], 1)
    assert jobs.view is not None
    assert "made up for this test" in jobs.view.error


def test_a_thread_that_breaks_ends_its_job(
    quick: ModuleType, traces: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what a command's own errors become: the thread says so, and ends."""
    from blender_addon.generation.job_events import Failed
    from blender_addon.generation.job_thread import Connect, JobThread
    from blender_addon.ui.preferences import server_settings

    monkeypatch.setattr(JobThread, "_execute", broken)
    thread = JobThread(server_settings())
    thread.put(Connect())
    thread._thread.join(10)
    event = thread.events.get_nowait()
    assert isinstance(event, Failed)
    assert "made up for this test" in event.sentence
    assert (thread.alive, traces()) == (False, 1)


def test_a_disk_that_is_asked_in_vain_is_told(traces: Callable[[], int]) -> None:
    """The thread answers, whatever the look raises: a panel would wait for it for ever."""
    from blender_addon.core.errors import RealCamError
    from blender_addon.disk_looks import DiskLooks

    question = DiskLooks._ask(None, broken)
    with pytest.raises(RealCamError, match="made up for this test"):
        question.answer.result(10)
    assert traces() == 1
