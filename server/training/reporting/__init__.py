"""What a training tells of itself while it runs: curves, in its folder and to trackers."""
