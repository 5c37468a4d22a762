"""Precisions that a file can have, and what makes the graph of each."""
