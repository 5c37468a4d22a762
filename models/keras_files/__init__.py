"""Keras model files of the user, opened in safe mode, and their float graph."""
