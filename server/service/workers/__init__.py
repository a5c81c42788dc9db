"""The process that runs engines, and who brings jobs to it."""
