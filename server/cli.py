"""`realcam`: one command, a verb for each job."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from blender_addon.core.errors import RealCamError
from blender_addon.core.printable import escape_unknown_letters
from blender_addon.core.unforeseen import in_words

VERBS = {
    "serve": "server.commands.serve:serve",
    "gateway": "server.commands.gateway:gateway",
    "demo": "server.commands.demo:demo",
    "generate": "server.commands.generate:generate",
    "engines": "server.commands.engines:engines",
    "status": "server.commands.status:status",
    "drain": "server.commands.drain:drain",
    "cancel": "server.commands.jobs:cancel",
    "jobs": "server.commands.jobs:jobs_app",
    "keys": "server.commands.keys:keys_app",
    "bench": "server.commands.bench.bench:bench_app",
    "evaluate": "server.commands.evaluate:evaluate",
    "data": "server.commands.data:data_app",
    "train": "server.commands.training.train:train",
    "nano": "server.commands.training.nano:nano_app",
    "depth": "server.commands.depth:depth_app",
    "weights": "server.commands.weights.app:weights_app",
}
"""Verb -> module:name of its function or typer app."""


class Verbs(TyperGroup):
    """Imports a verb when it is called: `realcam serve` starts in a third of a second, whatever the others need."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the verb; an error that nobody foresaw is logged with its traceback, and ends it in words."""
        escape_unknown_letters(sys.stdout)
        try:
            with in_words("The command stopped"):
                return super().main(*args, **options)
        except RealCamError as error:
            print(error.sentence, file=sys.stderr)
            sys.exit(error.exit_code)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb, imported now; None when there is none of this name."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        verb = getattr(importlib.import_module(module), name)
        if not isinstance(verb, typer.Typer):
            function, verb = verb, typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
            verb.command(cmd_name)(function)
        command = get_command(verb)
        command.name = cmd_name
        return command


app = typer.Typer(cls=Verbs, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def realcam() -> None:
    """One photo, a real Blender camera, a video that follows it in metres."""


if __name__ == "__main__":
    app()
