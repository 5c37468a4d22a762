"""Keras model files of the user, built again from what is stored, and their float graph."""
