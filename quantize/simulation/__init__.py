"""The float graph in TensorFlow, where it has gradients."""
