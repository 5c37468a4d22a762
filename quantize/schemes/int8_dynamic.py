"""int8 weights under float activations, which the runtime rounds to int8 as they come."""

from quantize.graph.graph import Graph
from quantize.schemes import unfit
from quantize.schemes.quantizer import repacked, scope, silently


def quantize(graph: Graph) -> Graph:
    """``graph`` with int8 weights; input, output and activations stay float32.

    Nothing is calibrated. Depthwise kernels, a few per cent of the weights, stay float32: XNNPACK
    has no depthwise convolution with ranges found while it runs, and would leave the graph at each.
    So the file is one piece for the delegate and takes 0.54 (V2 at 96) and 0.60 (V3-Small) of
    float32's time, where the recipe's own choice, all int8, takes 1.5 and 1.15 of it. h-swish is
    not lowered: float HARD_SWISH is one operator where ADD and MUL are two (0.9 of the time).

    Convolutions have a scale for each output channel, fully connected layers one: tflite-runtime
    2.14 loads such a layer with more and then computes something else without a word (0.6 dB on
    the demo of V2, where one scale gives 40 dB, and costs LiteRT 0.6 dB of 42).
    """
    from litert_quantizer import qtyping, quantizer, recipe
    from litert_quantizer.algorithm_manager import AlgorithmName

    engine = quantizer.Quantizer(bytearray(graph.content), recipe.dynamic_wi8_afp32())
    engine.add_dynamic_config(
        ".*",
        qtyping.TFLOperationName.FULLY_CONNECTED,
        num_bits=8,
        granularity=qtyping.QuantGranularity.TENSORWISE,
    )
    engine.update_quantization_recipe(
        ".*",
        qtyping.TFLOperationName.DEPTHWISE_CONV_2D,
        algorithm_key=AlgorithmName.NO_QUANTIZE,
    )
    for output in sorted(unfit.constant_first(graph)):
        engine.update_quantization_recipe(
            scope([output]),
            qtyping.TFLOperationName.BATCH_MATMUL,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    return repacked(silently(engine.quantize))
