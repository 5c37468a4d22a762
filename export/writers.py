"""The files of each format, made from the one float graph."""

from pathlib import Path

from export import onnx_float, onnx_int8
from export.image_sets import ImageSets
from models.network import Network
from quantize import int8
from quantize.calibration import min_max_ranges
from quantize.graph import Graph


def tflite_files(
    graph: Graph, network: Network, sets: ImageSets, threads: int, folder: Path
) -> dict[str, Graph]:
    """Write float32, float16 and int8 .tflite files; their graphs by file name."""
    ranges = min_max_ranges(graph, sets.calibration_images(network.preprocess), threads)
    made = {
        "float32.tflite": graph,
        "float16.tflite": int8.halve(graph),
        "int8.tflite": int8.quantize(graph, ranges),
    }
    for name, written in made.items():
        (folder / name).write_bytes(written.content)
    return made


def onnx_files(graph: Graph, int8_graph: Graph, folder: Path) -> list[str]:
    """Write the same three as .onnx; their file names."""
    float32 = onnx_float.from_graph(graph)
    made = {
        "float32.onnx": float32,
        "float16.onnx": onnx_float.halve(float32),
        "int8.onnx": onnx_int8.quantize(float32, int8_graph),
    }
    for name, model in made.items():
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return list(made)
