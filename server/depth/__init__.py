"""Photo to metric depth and intrinsics, and what is done to depth before it becomes a scene."""
