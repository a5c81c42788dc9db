"""A whole shot from a plan, in a Blender without a window: `python -m blender_addon.headless PLAN.json`."""
