"""The wire protocol: messages, framing, keys, and the client."""
