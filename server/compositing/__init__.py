"""What the photo sees, laid back over a clip that an engine painted, and how far the clip had drifted from it."""
