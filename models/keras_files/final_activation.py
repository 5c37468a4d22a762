"""The softmax or sigmoid that ends a classifier: which one it is, and the model without it."""

from models.command_line.errors import RequestError

OUTPUT_KINDS = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}

# What may stand after the activation without changing the numbers.
PASSING = ("Reshape", "Flatten", "Dropout", "Identity", "Squeeze")
ACTIVATION_OPERATIONS = (
    "Softmax", "Sigmoid", "LogSoftmax", "LogSigmoid", "HardSigmoid", "Tanh", "Relu", "Relu6",
    "ReLU", "LeakyReLU", "PReLU", "ELU", "Softplus", "Softsign",
)  # fmt: skip


def output_kind(keras_model) -> str:
    """``softmax``, ``sigmoid`` or ``logits``; RequestError naming any other final activation."""
    activation = _activation(keras_model.outputs[0])
    if activation not in OUTPUT_KINDS:
        raise RequestError(
            f"MODEL ends in the activation {activation}; expected softmax, sigmoid or none (logits)"
        )
    return OUTPUT_KINDS[activation]


def without_final_activation(keras_model):
    """A model that gives logits: ``keras_model`` itself where it already does.

    float32 [batch, classes] out as before; the weights are those of ``keras_model``, which is
    left as it is. RequestError where the model ends in some other activation.
    """
    import keras

    if output_kind(keras_model) == "logits":
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
    kind = type(operation).__name__
    if hasattr(operation, "output_activation"):  # a SavedModel's graph
        return operation.output_activation
    if kind in ACTIVATION_OPERATIONS:
        return kind.lower()
    activation = getattr(operation, "activation", None)
    return getattr(activation, "__name__", None)


def _is_passing(operation) -> bool:
    return type(operation).__name__ in PASSING or (
        type(operation).__name__ == "Activation" and _own_activation(operation) == "linear"
    )


def _activation(tensor) -> str:
    import keras

    operation, inputs = _origin(tensor)
    if isinstance(operation, keras.Model):
        return _activation(operation.outputs[0])
    if _is_passing(operation):
        return _activation(inputs[0])
    return _own_activation(operation) or "linear"


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
