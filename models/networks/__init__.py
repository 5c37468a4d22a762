"""Architectures as tables, and the registry that names them."""
