"""float16 weights under float32 activations: half the bytes, the same operators."""

from quantize.graph.graph import Graph
from quantize.schemes.quantizer import repacked, silently


def quantize(graph: Graph) -> Graph:
    """``graph`` with weights and biases stored as float16 and widened when the file is loaded."""
    from litert_quantizer import qtyping, quantizer

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
    return repacked(silently(engine.quantize))
