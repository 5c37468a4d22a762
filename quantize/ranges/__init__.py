"""Ranges of activations: observers over calibration images."""
