"""Flow matching: schedulers of diffusers that hold a scene, and that go on where an earlier run stopped."""
