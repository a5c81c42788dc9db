"""The job under way: its box in the panel, its operators, and the timer that updates it."""
