"""A .tflite file that somebody else made: what it holds, and its outputs in LiteRT."""
