"""The float graph: a .tflite flatbuffer to read, edit and run."""
