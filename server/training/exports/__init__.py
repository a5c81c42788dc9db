"""What a training leaves behind for others: a record of it, and its network in the published layout."""
