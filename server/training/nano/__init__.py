"""The nano network's VAE and its base without a camera, trained on rendered worlds ahead of `realcam train`."""
