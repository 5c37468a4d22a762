"""The cost of a network, layer by layer: arithmetic, memory traffic, memory."""
