"""JSON files of NeRF tools: transforms.json, and what nerfstudio's viewer and its export write."""
