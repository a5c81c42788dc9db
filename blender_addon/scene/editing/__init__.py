"""What is changed in an imported scene afterwards: its scale, its focal length, its cleaning."""
