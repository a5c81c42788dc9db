"""RealCam for Blender. Importing this package needs no Blender: bpy is imported inside register()."""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled: leaves nothing behind."""
    from . import ui

    ui.unregister()
