"""Outputs and latency of a graph, compared with another."""
