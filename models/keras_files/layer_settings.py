"""The stored settings of one layer, brought to what Keras 3 builds for inference.

Keras 2 wrote settings that Keras 3 refuses although they say nothing (``groups=1`` of a depthwise
convolution), others under another name, and a few whose meaning Keras 3 changed. What only training
uses (initializers, regularizers, constraints, random augmentation) is left out, so that code of the
user's own in it is no obstacle.
"""

ONLY_TRAINING = ("_initializer", "_regularizer", "_constraint", "activity_regularizer")
# Settings without an influence on the numbers of a trained model, or said elsewhere.
IGNORED = {
    "autocast", "experimental_autocast", "batch_input_shape", "input_shape", "input_dtype",
    "input_dim", "input_length", "build_input_shape", "renorm", "renorm_clipping",
    "renorm_momentum", "fused", "virtual_batch_size", "adjustment", "synchronized", "query_shape",
    "key_shape", "value_shape", "implementation", "use_cudnn", "stateful",
    "quantization_config", "dropout", "recurrent_dropout",
}  # fmt: skip
IGNORED_VALUES = {"groups": 1, "ragged": False, "sparse": False, "time_major": False}
WITH_GROUPS = ("Conv1D", "Conv2D", "Conv3D", "GroupNormalization")

# Layers that give back their input when nothing is trained.
AUGMENTATION = (
    "AddLoss", "AddMetric", "ActivityRegularization", "MixUp", "CutMix", "RandAugment", "AugMix",
)  # fmt: skip
FORMER_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "LayerNormalizationV2": "LayerNormalization",
}
QUANTIZED = "_from_"  # between two types, as in int8_from_float32
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")


def is_augmentation(class_name: str) -> bool:
    """True for a layer that changes images at random while training, and never afterwards."""
    is_random = class_name.startswith("Random") and class_name != "RandomCrop"
    return is_random or class_name in AUGMENTATION


def plain(value):
    """``value`` with tuples and arrays, which both Kerases store as objects, as plain lists."""
    if isinstance(value, dict):
        kind = value.get("class_name")
        if kind in ("__tuple__", "TensorShape"):
            return plain(value["items"])
        if kind in ("__numpy__", "__tensor__"):
            return plain(value["config"]["value"])
        if set(value) == {"type", "value"}:  # numpy arrays in the oldest files
            return plain(value["value"])
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def inference_settings(class_name: str, settings: dict) -> dict:
    """``settings`` of a layer of ``class_name`` as Keras 3 takes them; all layers in float32."""
    kept = {
        key: plain(value)
        for key, value in settings.items()
        if not key.endswith(ONLY_TRAINING)
        and (key not in IGNORED or (key, class_name) == ("input_dim", "Embedding"))
        and not (
            key in IGNORED_VALUES
            and value == IGNORED_VALUES[key]
            and not (key == "groups" and class_name in WITH_GROUPS)
        )
    }
    kept["dtype"] = "float32"
    if kept.get("data_format") == "channels_first":
        kept["data_format"] = "channels_last"  # models.keras_files.channel_order calls it so
    if class_name == "LeakyReLU" and "alpha" in kept:
        kept["negative_slope"] = kept.pop("alpha")
    axis = kept.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        kept["axis"] = axis[0]
    if class_name in RECURRENT and kept.get("unroll") is False:
        kept["unroll"] = True  # the steps of an image are few, and loops are no .tflite operators
    return kept


def precision(settings: dict) -> str:
    """The type that a layer was stored to compute in, e.g. ``mixed_float16``; one with QUANTIZED
    in its name where Keras quantized the layer."""
    dtype = settings.get("dtype")
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        dtype = inner
        if isinstance(inner, dict):
            dtype = inner.get("name")
            if "mode" in inner:
                dtype = f"{inner['mode']}{QUANTIZED}{inner.get('source_name')}"
    return dtype if isinstance(dtype, str) else "float32"
