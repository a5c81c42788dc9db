"""What is done to a depth map before it becomes a scene: each step by geometry or by the photo, each with its mask."""
