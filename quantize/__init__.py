"""From one float graph to the ranges and graphs that keep int8 accurate and fast."""
