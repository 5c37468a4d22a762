"""What a network costs, layer by layer: arithmetic, traffic, memory."""
