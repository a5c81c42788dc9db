"""`realcam`: one command, a verb for each job."""

from __future__ import annotations

import typer

from server.commands.bench import bench_app
from server.commands.data import data_app
from server.commands.demo import demo
from server.commands.depth import depth_app
from server.commands.evaluate import evaluate
from server.commands.generate import generate
from server.commands.jobs import cancel, jobs_app, status
from server.commands.keys import keys_app
from server.commands.serve import serve

app = typer.Typer(
    name="realcam",
    help="One photo, a real Blender camera, a video that follows it in metres.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(serve)
app.command()(demo)
app.command()(generate)
app.command()(status)
app.command()(cancel)
app.add_typer(bench_app, name="bench")
app.command()(evaluate)
app.add_typer(jobs_app, name="jobs")
app.add_typer(data_app, name="data")
app.add_typer(depth_app, name="depth")
app.add_typer(keys_app, name="keys")

if __name__ == "__main__":
    app()
