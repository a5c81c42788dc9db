"""A finished clip becomes a take that is shown in the sequencer, behind the camera and under the render."""
