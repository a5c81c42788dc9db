"""The worker process that runs engines, and the dispatcher that gives it jobs."""
