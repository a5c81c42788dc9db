"""Runs where the GPU is. Imports blender_addon.core and nothing else of the add-on."""
