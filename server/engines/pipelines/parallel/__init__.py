"""A pipeline's network on several cards at once: processes that compute a part of it each."""
