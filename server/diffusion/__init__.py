"""Schedules, DDIM, guidance and noise shaping for any latent video network; needs torch, knows no network."""
