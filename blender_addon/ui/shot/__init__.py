"""The shot: camera moves, engine and options, preview, Generate."""
