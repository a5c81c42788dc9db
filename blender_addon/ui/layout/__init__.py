"""Ground and walls, and cut-outs: a photo's depth laid out by hand, by fields and by mouse."""
