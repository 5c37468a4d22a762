"""A Keras 3 model built from the configuration in a file of Keras 2 or 3, layer by layer.

Keras's own loading refuses much of what Keras 2 wrote and drops some of it without a word; here
each layer is made of its settings and called as it was, and what cannot be made is named.
"""

import math
from collections.abc import Iterator

from models.command_line.errors import RequestError
from models.keras_files import (
    channel_order,
    former_functions,
    input_size,
    keras_operations,
    layer_settings,
    tensorflow_functions,
)
from models.keras_files.built_layer import BuiltLayer
from models.keras_files.layer_calls import MODEL_CLASSES, Call, count, mapped, stored_calls
from models.keras_files.layer_names import SafeNames
from models.keras_files.stored_model import EXPECTED, StoredModel, brief
from models.networks import size_limits

REMEDY = (
    "rebuild it with Keras's own layers, or run model.export(folder) where its code is and use "
    "MODEL=folder"
)
LETTERS = 40  # of a value in a message
MAX_CALLS = 20_000  # of layers: the largest network of keras.applications has some 1,100
MAX_STEPS = 1000  # of a recurrent layer, each written out
KERAS_PACKAGES = ("keras", "tf_keras", "tensorflow", "builtins")


def objects(config) -> Iterator[dict]:
    """Every serialized object of a model's configuration, but not how it was to be trained."""
    if isinstance(config, dict):
        if "class_name" in config and not str(config["class_name"]).startswith("__"):
            yield config
        for key, value in config.items():
            if key not in ("compile_config", "build_config"):
                yield from objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from objects(value)


def class_of(config: dict) -> str:
    """Today's name of the class of a stored layer."""
    name = str(config["class_name"])
    return {"Model": "Functional"}.get(name, layer_settings.FORMER_CLASSES.get(name, name))


class Builder:
    """Builds the layers of one file; ``notes`` says what is not as it was stored.

    ``res`` is the requested input size in pixels, for a model that leaves it open.
    """

    def __init__(self, stored: StoredModel, res: int | None = None) -> None:
        self.stored = stored
        self.res = res
        self.notes: list[str] = []
        self.names = SafeNames(self._stored_names())
        self.precisions: set[str] = set()
        self.unrolled: list[str] = []
        self.in_training: list[str] = []
        self.integer_input: str | None = None
        self.shared: dict[int, BuiltLayer] = {}

    def build(self) -> BuiltLayer:
        """The whole model. RequestError, in one line, for what cannot be built."""
        config = self.stored.config
        for node in objects(config):
            if not isinstance(node["class_name"], str):
                raise self._refusal(f"a class name that is no text: {_shown(node['class_name'])}")
        if not isinstance(config, dict) or class_of(config) not in MODEL_CLASSES:
            kind = config.get("class_name") if isinstance(config, dict) else type(config).__name__
            name = self._name(config) if isinstance(config, dict) else None
            raise self._refusal(f"{kind}{f' {name!r}' if name else ''}, a class of its own")
        if (calls := count(config)) > MAX_CALLS:
            raise self._refusal(f"{calls:,} calls of layers, at most {MAX_CALLS:,} are built")
        try:
            built = self._allocated_last(config)
        except (RequestError, MemoryError):
            raise
        except Exception as error:  # any part of the file may be missing, or of another type
            raise RequestError(
                f"MODEL '{self.stored.path}' has a configuration that is no network's "
                f"({type(error).__name__}: {brief(error)}); {EXPECTED}"
            ) from error
        self._note_changes()
        return built

    def _allocated_last(self, config) -> BuiltLayer:
        """The whole model, whose weights get their memory once it is known how many they are."""
        import keras

        with keras.StatelessScope(initialize_variables=False) as scope:
            built = self._model(config, is_root=True)
            unique = {id(w): w for leaf in built.leaves() for w in _weights_of(leaf.layer)}
            count = sum(math.prod(weight.shape) for weight in unique.values())
            size_limits.check_parameters(count, f"MODEL '{self.stored.path}'")
            scope.initialize_variables = True  # on leaving it
        return built

    def _note_changes(self):
        if self.names.note():
            self.notes.append(self.names.note())
        reduced = sorted(self.precisions - {"float32"})
        if reduced:
            self.notes.append(f"stored to compute in {', '.join(reduced)}; built in float32")
        if self.unrolled:
            self.notes.append(f"steps of {', '.join(self.unrolled)} are computed one by one")
        if self.in_training:
            self.notes.append(
                f"stored to run as in training: {', '.join(self.in_training)}; runs as in use, on "
                "the moving statistics and without dropout"
            )
        if self.integer_input:
            self.notes.append(
                f"input of type {self.integer_input}: takes float32 of the same values, 0 to 255"
            )

    def _refusal(self, what: str) -> RequestError:
        return RequestError(
            f"MODEL '{self.stored.path}' has {what}; expected Keras's own layers: {REMEDY}"
        )

    def _stored_names(self) -> Iterator[str]:
        for node in objects(self.stored.config):
            settings = node.get("config")
            if isinstance(settings, dict) and isinstance(settings.get("name"), str):
                yield settings["name"]

    @staticmethod
    def _name(config) -> str | None:
        settings = config.get("config")
        inner = settings.get("name") if isinstance(settings, dict) else None
        return config.get("name") or inner

    # Models

    def _model(self, config, is_root=False) -> BuiltLayer:
        kind, settings = class_of(config), config["config"]
        is_sequence = kind == "Sequential" or isinstance(settings, list)
        if isinstance(settings, list):  # of the oldest files
            settings = {"layers": settings, "name": "sequential"}
        build = self._sequential if is_sequence else self._functional
        layer, parts = build(settings, is_root)
        return BuiltLayer(self._name(config) or settings["name"], kind, layer, parts)

    def _sequential(self, settings, is_root):
        import keras

        stored = settings["layers"]
        given = next((each for each in stored if class_of(each) == "InputLayer"), None)
        shape, dtype = _sequence_input(settings, stored)
        parts = [self._layer(each) for each in stored if each is not given]
        name = self.names.of(settings["name"])
        if shape is None:  # a part of a model that tells it by what it calls this one on
            if is_root:
                raise RequestError(
                    f"MODEL '{self.stored.path}' has no input shape; expected one: build it with "
                    "keras.Input((height, width, 3)) and save it again"
                )
            return keras.Sequential([part.layer for part in parts], name=name), parts
        image = self._input(shape, dtype, self._name(given) if given else None, is_root)
        x = image
        for part in parts:
            x = self._called(part.stored_name, part, Call((x,), {}), {})
        return keras.Model(image, x, name=name), parts

    def _functional(self, settings, is_root):
        import keras

        if "layers" not in settings:
            raise self._refusal(f"'{settings.get('name')}', a model class of its own")
        stored = {self._name(each): each for each in settings["layers"]}
        calls = stored_calls(settings)
        inputs = set()
        mapped(calls.inputs, lambda reference: inputs.add(reference.layer))
        parts, results = {}, {}
        for name, each in stored.items():
            if class_of(each) == "InputLayer":
                shape = each["config"].get("batch_shape") or each["config"]["batch_input_shape"]
                tensor = self._input(
                    shape, each["config"].get("dtype"), name, is_root and name in inputs
                )
                results[name, 0] = [tensor]
            else:
                parts[name] = self._part(each)
        self._call_all(parts, calls.of, results)

        def tensor(reference):
            return results[reference.layer, reference.call][reference.output]

        model = keras.Model(
            _unpacked(mapped(calls.inputs, tensor)),
            _unpacked(mapped(calls.outputs, tensor)),
            name=self.names.of(settings["name"]),
        )
        return model, [part for part in parts.values() if isinstance(part, BuiltLayer)]

    def _call_all(self, parts, calls, results):
        """Call each part on the results of others, as soon as these are there."""
        import keras

        waiting = [
            (n, i, call) for n, of in calls.items() if n in parts for i, call in enumerate(of)
        ]
        while waiting:
            later = []
            for name, number, call in waiting:
                needed = set()
                mapped((call.args, call.kwargs), lambda r, n=needed: n.add((r.layer, r.call)))
                if needed <= results.keys():
                    made = self._called(name, parts[name], call, results)
                    results[name, number] = keras.tree.flatten(made)
                else:
                    later.append((name, number, call))
            if len(later) == len(waiting):
                raise self._unbuilt(
                    f"layer '{later[0][0]}'", "its inputs come from no layer of the model"
                )
            waiting = later

    def _called(self, name, part, call, results):
        args, kwargs = mapped(
            (call.args, call.kwargs), lambda r: results[r.layer, r.call][r.output]
        )
        is_layer = isinstance(part, BuiltLayer)
        if kwargs.pop("training", None) is True and not (is_layer and part.trains_by_default):
            self.in_training.append(name)
        if kwargs.get("mask", 0) is None:
            del kwargs["mask"]
        if is_layer:
            self._check_steps(name, part.layer, args)
        try:
            return part(*args, **kwargs) if is_layer else part(args, kwargs)
        except RequestError:
            raise
        except Exception as error:  # Keras raises whatever a layer's code ran into
            raise self._unbuilt(f"layer '{name}'", error) from error

    def _check_steps(self, name, layer, args):
        """Each step of a recurrent layer becomes a part of the graph, which takes its time."""
        import keras

        inner = layer._flatten_layers() if isinstance(layer, keras.Layer) else ()
        if args and any(isinstance(each, keras.layers.RNN) for each in inner):
            steps = args[0].shape[1] if len(args[0].shape) > 1 else 0
            if (steps or 0) > MAX_STEPS:
                raise RequestError(
                    f"MODEL '{self.stored.path}': layer '{name}' takes {steps:,} steps; expected "
                    f"at most {MAX_STEPS:,}: build it for a shorter sequence, e.g. of the rows"
                )

    def _unbuilt(self, what, error) -> RequestError:
        import keras

        why = error if isinstance(error, str) else brief(error)
        return RequestError(
            f"MODEL '{self.stored.path}': {what} cannot be built in Keras {keras.__version__} "
            f"({why}); {REMEDY}"
        )

    # Layers

    def _input(self, shape, dtype, name, is_root):
        import keras

        shape = tuple(layer_settings.plain(shape))
        dtype = layer_settings.precision({"dtype": dtype})
        if is_root:
            is_first = channel_order.has_channels_first(self.stored.config) and len(shape) == 4
            shape = channel_order.moved(shape, channel_order.TO_LAST) if is_first else shape
            shape, note = input_size.fixed(
                shape, self.res, self._resizings(), self._stored_names(), self.stored.path
            )
            size_limits.check_image(shape[1:], f"MODEL '{self.stored.path}'")
            shape = channel_order.moved(shape, channel_order.TO_FIRST) if is_first else shape
            self.notes += [note] if note else []
            if "int" in dtype:
                self.integer_input = dtype
        if dtype != "string":
            self.precisions |= {dtype} if "16" in dtype and "float" in dtype else set()
            dtype = "float32"
        return keras.Input(
            batch_shape=(None, *shape[1:]), dtype=dtype, name=self.names.of(name) if name else None
        )

    def _resizings(self):
        for node in objects(self.stored.config):
            if node["class_name"] == "Resizing":
                yield node["config"]["height"], node["config"]["width"]

    def _part(self, config):
        """A BuiltLayer, or a function of (args, kwargs) for a call that is no layer."""
        kind, settings = class_of(config), config["config"]
        name = self.names.of(self._name(config))
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            function = settings["function"]
            if not tensorflow_functions.is_known(function):
                raise self._refusal(f"a call of the TensorFlow function {function}")
            return lambda args, kwargs: tensorflow_functions.apply(function, args, kwargs, name)
        if kind == "TensorFlowOpLayer":
            operation, constants = former_functions.operation(settings)
            if operation is None:
                raise self._refusal(f"the TensorFlow operation '{name}'")
            return lambda args, kwargs: tensorflow_functions.apply(
                operation, former_functions.filled(args[0], constants), {}, name
            )
        return self._layer(config)

    def _layer(self, config) -> BuiltLayer:
        shared = config.get("shared_object_id")
        if shared is not None and shared in self.shared:
            return self.shared[shared]
        kind = class_of(config)
        if kind in MODEL_CLASSES and ("layers" in config["config"] or kind == "Sequential"):
            built = self._model(config)
        else:
            built = BuiltLayer(
                self._name(config),
                kind,
                self._made(config),
                is_channels_first=config["config"].get("data_format") == "channels_first",
            )
        if shared is not None:
            self.shared[shared] = built
        return built

    def _made(self, config):
        """The Keras layer or operation of a stored one."""
        import keras

        kind, name = class_of(config), self._name(config)
        where = f" '{name}'" if name else ""
        if kind in ("Lambda", "__lambda__"):
            raise self._refusal(
                f"a Lambda layer{where}, that is Python code (pixel * scale + offset is a "
                "Rescaling layer)"
            )
        registered = str(config.get("registered_name") or "")
        module = str(config.get("module") or "keras.layers")
        if ">" in kind + registered or module.split(".")[0] not in KERAS_PACKAGES:
            raise self._refusal(f"custom object {registered or kind}{where}")
        is_operation = keras_operations.is_one(config)
        if (
            not is_operation
            and not keras_operations.layer_class(kind)
            and not self._is_former(kind)
        ):
            reaches_out = kind in keras_operations.REACHING_OUT
            why = (
                "runs code or reads other files" if reaches_out else "is none of Keras's own layers"
            )
            raise self._refusal(f"{kind}{where}, which {why}")
        settings = self._settings(kind, config["config"], name)
        try:
            if is_operation:
                return keras_operations.made(kind, settings, config["config"].get("dtype"))
            if layer_settings.is_augmentation(kind):
                return keras.layers.Identity(name=settings["name"])
            if former_functions.is_former_layer(kind):
                return former_functions.layer(kind, settings)
            made = keras_operations.layer_class(kind)
            has_layers = any(
                isinstance(each, keras.layers.Layer) for each in keras.tree.flatten(settings)
            )
            return made(**settings) if has_layers else made.from_config(settings)
        except RequestError:
            raise
        except Exception as error:  # Keras raises whatever a layer's code ran into
            raise self._unbuilt(f"layer{where} ({kind})", error) from error

    @staticmethod
    def _is_former(kind) -> bool:
        return former_functions.is_former_layer(kind) or layer_settings.is_augmentation(kind)

    def _settings(self, kind, stored, layer_name):
        """Settings for Keras 3, the layers and functions in them made."""
        precision = layer_settings.precision(stored)
        if layer_settings.QUANTIZED in precision:
            raise RequestError(
                f"MODEL '{self.stored.path}': Keras quantized layer '{layer_name}' "
                f"({precision}); expected the model before model.quantize: its own int8 files are "
                "made of that"
            )
        self.precisions.add(precision)
        settings = layer_settings.inference_settings(kind, stored)
        if settings.get("unroll") is True and stored.get("unroll") is False:
            self.unrolled.append(layer_name or kind)
        if isinstance(settings.get("name"), str):
            settings["name"] = self.names.of(settings["name"])
        for key, value in settings.items():
            if key.endswith("activation") and value is not None:
                settings[key] = self._activation(value, layer_name)
            elif isinstance(value, dict) and "class_name" in value:
                settings[key] = self._layer(value).layer
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                settings[key] = [self._layer(each).layer for each in value]
        return settings

    def _activation(self, stored, layer_name):
        """An activation's name in Keras 3, or a function or layer that computes it."""
        import keras

        kind = stored.get("class_name") if isinstance(stored, dict) else None
        name = stored
        if kind == "function":
            name = stored["config"]
        elif (isinstance(stored, dict) and kind is None) or kind == "__lambda__":
            raise self._refusal(f"a lambda as activation of '{layer_name}', that is Python code")
        elif isinstance(stored, dict):
            return self._layer(stored).layer
        registered = stored.get("registered_name") if isinstance(stored, dict) else None
        if ">" in f"{name}{registered}":
            shown = registered if ">" in str(registered) else name
            raise self._refusal(f"custom object {shown} as activation of '{layer_name}'")
        if self.stored.is_keras2 and name in former_functions.ACTIVATIONS:
            return former_functions.ACTIVATIONS[name]
        try:
            keras.activations.get(name)
        except ValueError:
            raise self._refusal(
                f"the activation {name} of '{layer_name}', code of its own"
            ) from None
        return name


def _sequence_input(settings, stored):
    """Shape and type of a Sequential's input as far as it tells; (None, None) where not at all."""
    first = stored[0]
    inner = first["config"]
    if isinstance(inner, list):
        return _sequence_input({}, inner)
    shape = inner.get("batch_shape") or inner.get("batch_input_shape")
    if shape is None and "layers" in inner:
        if class_of(first) == "Sequential":
            shape, dtype = _sequence_input(inner, inner["layers"])
            return (shape or settings.get("build_input_shape")), dtype
        named = {each["config"]["name"]: each["config"] for each in inner["layers"]}
        found = []
        calls = stored_calls(inner)
        mapped(calls.inputs, lambda reference: found.append(named[reference.layer]))
        if len(found) == 1:
            shape = found[0].get("batch_shape") or found[0].get("batch_input_shape")
            return shape, found[0].get("dtype")
    shape = shape or settings.get("build_input_shape")
    shape = shape or (first.get("build_config") or {}).get("input_shape")
    return shape, inner.get("dtype")


def _weights_of(layer):
    return getattr(layer, "weights", ())  # an operation has none


def _shown(value) -> str:
    return repr(value)[:LETTERS]


def _unpacked(structure):
    """The tensor itself where a list has but one."""
    if isinstance(structure, list) and len(structure) == 1:
        return structure[0]
    return structure
