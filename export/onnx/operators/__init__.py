"""The functions that write each kind of TFLite operator in ONNX, in files by family."""
