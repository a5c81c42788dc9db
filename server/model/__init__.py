"""RealCam-I2V on DynamiCrafter: the camera-conditioned network, its encoders and its checkpoints. Needs torch."""
