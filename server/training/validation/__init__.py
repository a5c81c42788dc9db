"""What is measured on held-out clips while a training runs, the same each time."""
