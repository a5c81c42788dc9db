"""The local server process, running jobs and finished clips."""
