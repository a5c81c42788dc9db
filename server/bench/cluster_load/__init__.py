"""What a Ray cluster of one machine makes of more workers, and what it adds to a job: `realcam bench cluster`."""
