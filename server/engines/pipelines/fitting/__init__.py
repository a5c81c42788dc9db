"""A shot fitted to what a network makes, and laid back: sizes, frames, visibility. Needs no torch."""
