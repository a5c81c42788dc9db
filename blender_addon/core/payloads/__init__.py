"""What a job carries from the client to an engine, as objects and as bytes."""
