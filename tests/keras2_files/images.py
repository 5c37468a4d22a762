"""The images that the models in this folder were asked about, by the model's name."""

import numpy as np

SHAPES = {
    **dict.fromkeys(
        (
            "functional", "sequential", "teachable_machine", "sequential_backbone", "transfer",
            "partly_frozen", "caffe", "torch_mode", "operators", "names", "augmented",
            "normalized", "no_fixed_size", "mixed_precision", "keepdims", "branches",
            "activations", "integers", "fixed_batch", "channels_first", "tf1", "tf1_resource",
            "in_training",
        ),
        (32, 32, 3),
    ),
    "kernels": (24, 24, 3),
    "resized": (40, 40, 3),
    "attention": (16, 16, 3),
    "recurrent": (12, 8, 1),
}  # fmt: skip
PIXELS = ("transfer", "partly_frozen", "caffe", "torch_mode", "operators", "resized", "integers",
          "mixed_precision", "normalized")  # fmt: skip


def images(name: str) -> np.ndarray:
    """Four images, float32 [4, height, width, channels]: whole numbers 0 to 255 or -1 to 1."""
    rng = np.random.default_rng(11)
    pixels = rng.integers(0, 256, (4, *SHAPES[name])).astype(np.float32)
    return pixels if name in PIXELS else pixels / np.float32(127.5) - 1
