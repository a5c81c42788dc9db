"""What a pipeline is told in words: text encoders, which run alone, and what of a prompt they leave out."""
