"""Fields of metres as Blender's fields of lengths."""
