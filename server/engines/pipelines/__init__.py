"""What engines on diffusers' video pipelines share: a shot fitted to a network's clips, sampled, and laid back."""
