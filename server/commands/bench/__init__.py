"""`realcam bench` and its subcommands."""
