"""The camera check of a take: operators, panel, and the two paths drawn in the view."""
