"""The language both processes speak: cameras, shots and messages. Never imports bpy or torch."""
