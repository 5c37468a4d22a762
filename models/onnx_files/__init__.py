"""MODEL=net.onnx: a float .onnx file as a network, and its operators as TensorFlow's."""
