"""ONNX models written from the float and the int8 graph."""
