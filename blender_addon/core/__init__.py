"""What add-on and server share: cameras, depth, payloads and the wire protocol. Never imports bpy or torch."""
