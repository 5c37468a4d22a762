"""Passes that rewrite or correct a graph, one file each."""
