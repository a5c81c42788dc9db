"""What the draft engine fills in beside what is really there: scenes seen from two cameras, other ways, measures."""
