"""Writers: the float graph as TFLite and ONNX files, verified against Keras, with a manifest."""
