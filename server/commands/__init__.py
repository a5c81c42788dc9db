"""The commands of `realcam`, one file each."""
