"""TensorFlow functions in functional models of Keras 2, called by the name they are stored under.

``preprocess_input`` and arithmetic on tensors are stored as such calls, not as layers. What Keras 3
has as an operation becomes that operation; of the rest, those that only compute are run as they
are.
"""

import functools
import operator

import numpy as np

from models.keras_files import keras_operations

# Stored name, without its module -> Keras's operation of two tensors.
ARITHMETIC = {
    **dict.fromkeys(("add", "add_v2", "AddV2", "Add", "bias_add", "BiasAdd"), "Add"),
    **dict.fromkeys(("subtract", "sub", "Sub"), "Subtract"),
    **dict.fromkeys(("multiply", "mul", "Mul"), "Multiply"),
    **dict.fromkeys(("truediv", "divide", "div", "RealDiv", "Div"), "TrueDivide"),
    **dict.fromkeys(("maximum", "Maximum"), "Maximum"),
    **dict.fromkeys(("minimum", "Minimum"), "Minimum"),
    **dict.fromkeys(("pow", "Pow"), "Power"),
}
UNARY = {
    **dict.fromkeys(("negative", "neg", "Neg"), "Negative"),
    **dict.fromkeys(("sigmoid", "Sigmoid"), "Sigmoid"),
    **dict.fromkeys(("tanh", "Tanh"), "Tanh"),
    **dict.fromkeys(("relu", "Relu"), "Relu"),
    **dict.fromkeys(("relu6", "Relu6"), "Relu6"),
    **dict.fromkeys(("silu", "swish"), "Silu"),
    "softmax": "Softmax",
}
FLOATS = ("float16", "bfloat16", "float32", "float64")
MODULES = ("math", "nn", "image", "linalg", "__operators__", "compat.v1.math", "compat.v1.nn",
           "compat.v1.image", "compat.v1")  # fmt: skip
TOP_LEVEL = {
    "abs", "add", "add_n", "argmax", "broadcast_to", "cast", "clip_by_value", "concat", "cos",
    "divide", "einsum", "equal", "exp", "expand_dims", "eye", "fill", "floor", "gather", "greater",
    "greater_equal", "identity", "less", "less_equal", "matmul", "maximum", "minimum", "multiply",
    "negative", "norm", "one_hot", "ones_like", "pad", "pow", "range", "rank", "reduce_max",
    "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape", "reverse",
    "round", "shape", "sigmoid", "sign", "sin", "size", "slice", "split", "sqrt", "square",
    "squeeze", "stack", "stop_gradient", "strided_slice", "subtract", "tanh", "tensordot", "tile",
    "transpose", "truediv", "unstack", "where", "zeros_like", "batch_to_space", "space_to_batch",
}  # fmt: skip
OPERATORS = {  # of Python, on tensors
    "getitem", "neg", "abs", "invert", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow",
    "matmul", "eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "xor",
}  # fmt: skip
IMPURE = ("random", "dropout", "sample", "decode", "encode", "draw", "summary")


def is_known(name: str) -> bool:
    """True for the stored name of a function that computes and does nothing else."""
    module, _, function = name.rpartition(".")
    if module == "__operators__":
        return function in OPERATORS
    if any(word in function for word in IMPURE):
        return False
    return module in MODULES[:-1] or (module in ("", MODULES[-1]) and function in TOP_LEVEL)


def apply(name: str, args: tuple, kwargs: dict, layer_name: str):
    """The result, as Keras tensors, of the function stored as ``name`` on Keras tensors.

    ``layer_name`` is what the call is called where it becomes a layer. ValueError where the
    function is not known (``is_known``).
    """
    if not is_known(name):
        raise ValueError(f"the TensorFlow function {name} is not known")
    function = name.rpartition(".")[2]
    kwargs = {key: _index(value) for key, value in kwargs.items() if key != "name"}
    args = (*args, *(kwargs.pop(key) for key in ("slice_spec",) if key in kwargs))
    given = [*args, *(value for value in kwargs.values() if value is not None)]
    if function == "cast" and given[1] in FLOATS:  # everything is float32
        return given[0]
    if function in ARITHMETIC and len(given) == 2:
        return keras_operations.of(ARITHMETIC[function])(name=layer_name)(*map(_array, given))
    if function in UNARY and len(given) == 1:
        return keras_operations.of(UNARY[function])(name=layer_name)(given[0])
    return _layer(_function(name), args, kwargs, layer_name)


def _array(value):
    """Numbers as a float32 array; a tensor as it is."""
    import keras

    return value if isinstance(value, keras.KerasTensor) else np.asarray(value, np.float32)


def _layer(function, args, kwargs, name):
    """The call as a layer of its own: Keras tensors in, Keras tensors out."""
    import keras

    class TensorFlowFunction(keras.layers.Layer):
        def call(self, tensors):
            left = list(tensors)
            positional, named = _replaced((args, kwargs), lambda _: left.pop(0))
            return function(*positional, **named)

    tensors = []
    _replaced((args, kwargs), tensors.append)
    if not tensors:
        raise ValueError(f"{name} is called without a tensor")
    return TensorFlowFunction(name=name)(tensors)


def _replaced(value, change):
    """``value`` with each Keras tensor in its lists, tuples and dicts replaced."""
    import keras

    if isinstance(value, keras.KerasTensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_replaced(each, change) for each in value)
    if isinstance(value, dict):
        return {key: _replaced(each, change) for key, each in value.items()}
    return value


def _function(name):
    import tensorflow as tf

    module, _, function = name.rpartition(".")
    if module == "__operators__":
        return getattr(operator, function)
    return functools.reduce(getattr, name.split("."), tf)


def _index(value):
    """Slices and ellipses, which are stored as dicts, in the index of a tensor."""
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return slice(value["start"], value["stop"], value["step"])
    if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
        return Ellipsis
    if isinstance(value, dict) and value.get("class_name") == "__slice__":
        return slice(*(value["config"][key] for key in ("start", "stop", "step")))
    if isinstance(value, list):
        found = [_index(each) for each in value]
        return tuple(found) if any(isinstance(f, slice | type(...)) for f in found) else found
    return value
