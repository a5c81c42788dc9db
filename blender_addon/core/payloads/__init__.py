"""Job payloads: what a client sends an engine, as objects and as bytes, and the results that come back."""
