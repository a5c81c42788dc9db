"""Options that were typed, but that nothing would read beside the others: refused instead of ignored."""

from __future__ import annotations

import typer


def refuse_unread(context: typer.Context, is_read: bool, needs: str, *names: str) -> None:
    """Refuse options that were typed where nothing reads them.

    Args:
        context: of the command that runs.
        is_read: whether the command reads them, as its other options are.
        needs: what would have them read, for the sentence: "--base", "a photo of your own".
        *names: the parameters' names in the command's function.

    Raises:
        typer.BadParameter: one of them was typed.
    """
    if is_read:
        return
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"it is read only with {needs}", param_hint=parameter.opts[0])
