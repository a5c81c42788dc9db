"""From a shot's conditions to its latents, segment by segment."""
