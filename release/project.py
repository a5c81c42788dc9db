"""Where the project is to be found."""

PROJECT_ADDRESS = ""
"""Its web page, https://...; empty until somebody hosts it. Empty, the manifest names no website and the extension
repository's page has no link to drag into Blender."""
