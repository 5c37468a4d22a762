"""Full-integer int8: per-channel weights, per-tensor activations, from ranges found beforehand."""

import contextlib
import io

import numpy as np

from quantize.calibration import Range
from quantize.graph import Graph

# Kernels hold a ReLU6's 6 in steps of the output's scale, as an int32. In a layer that is as good
# as dead the step is so small that this overflows, and older runtimes refuse the whole file.
MIN_WIDTH = 1e-6


def quantize(graph: Graph, ranges: dict[str, Range]) -> Graph:
    """``graph`` with int8 weights, activations, input and output; biases are int32.

    ``ranges`` has every float activation of the graph. The arithmetic is that of the TFLite
    quantization specification; Google's quantizer writes it, but the ranges are ours (its own
    calibration is a moving average over the images, which cuts off what only some of them reach).
    """
    from ai_edge_quantizer import quantizer, recipe

    found = {}
    for name, chosen in ranges.items():
        rank = [1] * len(graph.tensor(name).shape)
        found[name] = {
            "min": np.full(rank, chosen.minimum, np.float32),
            "max": np.full(rank, max(chosen.maximum, chosen.minimum + MIN_WIDTH), np.float32),
        }
    engine = quantizer.Quantizer(bytearray(graph.content), recipe.static_wi8_ai8())
    return _graph(_silently(lambda: engine.quantize(found)))


def halve(graph: Graph) -> Graph:
    """``graph`` with weights and biases stored as float16 and widened when the file is loaded."""
    from ai_edge_quantizer import qtyping, quantizer

    engine = quantizer.Quantizer(bytearray(graph.content))
    engine.update_quantization_recipe(
        ".*",
        qtyping.TFLOperationName.ALL_SUPPORTED,
        qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                num_bits=16, dtype=qtyping.TensorDataType.FLOAT
            ),
            compute_precision=qtyping.ComputePrecision.FLOAT,
        ),
        algorithm_key="float_casting",
    )
    return _graph(_silently(engine.quantize))


def _graph(result) -> Graph:
    """What the quantizer made, packed again: its own packing leaves constants unaligned."""
    return Graph.packed(Graph(bytes(result.quantized_model)).unpacked())


def _silently(work):
    """``work()`` without the banner that the quantizer prints among a command's results."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return work()
