"""The engine `wan-i2v`: Wan 2.2's image-to-video model, which reads neither mask nor camera, held to the preview."""
