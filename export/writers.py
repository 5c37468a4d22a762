"""The files of each format, made from the one float graph."""

from pathlib import Path

import numpy as np

from export import onnx_float, onnx_int8
from quantize import int8
from quantize.calibration import min_max_ranges
from quantize.graph import Graph


def warm_up() -> None:
    """Import what ``tflite_files`` needs, while the parent process still imports TensorFlow."""
    import ai_edge_quantizer  # noqa: F401


def tflite_files(graph: Graph, calibration_images: Path, folder: Path) -> dict[str, Graph]:
    """Write float32, float16 and int8 .tflite files; their graphs by file name.

    ``calibration_images``: a .npy of preprocessed float32 [n, h, w, c]. Runs in a child process.
    """
    images = np.load(calibration_images, mmap_mode="r")
    ranges = min_max_ranges(graph, (image[None] for image in images), threads=1)
    made = {
        "float32.tflite": graph,
        "float16.tflite": int8.halve(graph),
        "int8.tflite": int8.quantize(graph, ranges),
    }
    for name, written in made.items():
        (folder / name).write_bytes(written.content)
    return made


def onnx_files(float32, int8_graph: Graph, folder: Path) -> list[str]:
    """Write the same three as .onnx, from the float ONNX model; their file names."""
    made = {
        "float32.onnx": float32,
        "float16.onnx": onnx_float.halve(float32),
        "int8.onnx": onnx_int8.quantize(float32, int8_graph),
    }
    for name, model in made.items():
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return list(made)
