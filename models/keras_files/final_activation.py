"""The model without the softmax or sigmoid that ends it, which gives logits."""

from models.command_line.errors import RequestError

# What may stand after the activation without changing the numbers.
PASSING = ("Reshape", "Flatten", "Dropout", "Identity", "Squeeze")
REMOVABLE = ("softmax", "sigmoid")


def logits_of(keras_model, kind: str):
    """``keras_model`` without the activation that makes its one output ``kind`` of it: "softmax" or
    "sigmoid".

    RequestError where that is not the last that it computes: of the mean of two it cannot be left
    out.
    """
    found = _activation(keras_model.outputs[0])
    if found != kind or len(keras_model.outputs) > 1:
        last = f"{len(keras_model.outputs)} outputs"
        if len(keras_model.outputs) == 1:
            last = found if found != "linear" else "arithmetic"
        raise RequestError(
            f"LOGITS is 1, but MODEL ends in {last}; expected one {kind} as the last that it "
            "computes, which could be left out; leave LOGITS out"
        )
    return without_final_activation(keras_model)


def without_final_activation(keras_model):
    """A model that gives logits: ``keras_model`` itself where no softmax or sigmoid ends it.

    The weights are those of ``keras_model``, which is left as it is.
    """
    import keras

    if _activation(keras_model.outputs[0]) not in REMOVABLE:
        return keras_model
    logits = _before_activation(keras_model.outputs[0])
    return keras.Model(keras_model.inputs[0], logits, name=keras_model.name)


def _origin(tensor):
    """The layer, operation or nested model that ``tensor`` came from, and what went into it."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, node.input_tensors


def _own_activation(operation) -> str | None:
    """Name of the activation that the operation is or ends with; None where it has none."""
    if hasattr(operation, "output_activation"):  # a SavedModel's graph
        return operation.output_activation
    name = type(operation).__name__.lower()
    if name in REMOVABLE:
        return name
    return getattr(getattr(operation, "activation", None), "__name__", None)


def _is_passing(operation) -> bool:
    return type(operation).__name__ in PASSING or (
        type(operation).__name__ == "Activation" and _own_activation(operation) == "linear"
    )


def _activation(tensor) -> str:
    """The activation that ends ``tensor``, or the kind of layer where it has none."""
    import keras

    operation, inputs = _origin(tensor)
    if isinstance(operation, keras.Model) and len(operation.outputs) == 1:
        return _activation(operation.outputs[0])
    if _is_passing(operation):
        return _activation(inputs[0])
    return _own_activation(operation) or type(operation).__name__


def _before_activation(tensor):
    import keras

    operation, inputs = _origin(tensor)
    if isinstance(operation, keras.Model):
        return without_final_activation(operation)(inputs[0])
    if hasattr(operation, "without_activation"):
        return operation.without_activation()(inputs[0])
    if _is_passing(operation):
        return operation(_before_activation(inputs[0]))
    if not getattr(operation, "weights", ()):
        return inputs[0]
    linear = type(operation).from_config({**operation.get_config(), "activation": "linear"})
    logits = linear(inputs[0])
    linear.set_weights(operation.get_weights())
    return logits
