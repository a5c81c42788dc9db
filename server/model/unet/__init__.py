"""The camera-conditioned U-Net."""
