"""The wire: messages, framing, keys, and the client that speaks it."""
