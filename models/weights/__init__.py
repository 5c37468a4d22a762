"""Weights files: published, random or the user's."""
