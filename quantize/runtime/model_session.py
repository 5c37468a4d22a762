"""Sessions: a model file opened in one runtime, fed with a tensor, run, and its outputs read.

A broken file may crash the process that opens it. Whoever has to survive that opens it in a child.
"""

import os
from functools import partial
from typing import NamedTuple

import numpy as np

from quantize.runtime.names import IN_PYTHON, PACKAGE_OF, installed_version
from quantize.runtime.vnni import lacks_vnni

EXACT_PRODUCTS = ("session.x64quantprecision", "1")


class Tensor(NamedTuple):
    """An input or output of a file. ``shape``: 0 for a size that the file leaves open, except that
    an open batch is 1. ``dtype``: None where numpy has none. ``quantization``: (scale, zero point)
    of an integer tensor of a .tflite file, else None."""

    name: str
    shape: tuple
    dtype: object
    quantization: object


class TfliteSession:
    """A .tflite file in LiteRT or tflite-runtime; ImportError where that is not installed.

    ``runtime``: "litert", "litert-builtin" (without its delegate XNNPACK) or "tflite-runtime".
    """

    def __init__(self, runtime, threads, keep_activations):
        if runtime == "tflite-runtime":
            import tflite_runtime as package
            from tflite_runtime import interpreter
        else:
            import ai_edge_litert as package
            from ai_edge_litert import interpreter
        version = getattr(package, "__version__", None)
        self.version = version or installed_version(PACKAGE_OF[runtime])
        options = {"num_threads": threads, "experimental_preserve_all_tensors": keep_activations}
        if runtime == "litert-builtin":
            kernels = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            options["experimental_op_resolver_type"] = kernels
        self._interpreter_of = partial(interpreter.Interpreter, **options)

    def load(self, model):
        """Read ``model``, a path or the bytes of a file."""
        given = _path_or_content(model)
        name = "model_content" if isinstance(given, bytes) else "model_path"
        self.interpreter = self._interpreter_of(**{name: given})

    def prepare(self):
        """Allocate the tensors; inputs and outputs are known from now on."""
        self.interpreter.allocate_tensors()
        inputs = self.interpreter.get_input_details()
        outputs = self.interpreter.get_output_details()
        self.inputs, self.outputs = tuple(map(_tensor, inputs)), tuple(map(_tensor, outputs))
        self._input_index = inputs[0]["index"] if inputs else None
        self._output_indices = [detail["index"] for detail in outputs]
        # The runtime's own function, so that the time of a run holds nothing else.
        self.run = self.interpreter.invoke

    def feed(self, tensor):
        """Set the first input."""
        self.interpreter.set_tensor(self._input_index, tensor)

    def output(self, number=0):
        """A copy of an output of the last run, by its place in ``outputs``."""
        return self.interpreter.get_tensor(self._output_indices[number])


class OnnxSession:
    """A .onnx file in ONNX Runtime's CPU provider, which prepares while it loads; ImportError
    where ONNX Runtime is not installed."""

    prepare = None

    def __init__(self, threads):
        # Otherwise it writes into the home directory on import, and calls its maker.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self.version = onnxruntime.__version__
        self._session_of = onnxruntime.InferenceSession
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.log_severity_level = 3
        if lacks_vnni():
            # Without it such x86 CPUs add up int8 products in 16 bits that overflow, and int8 files
            # predict wrongly; those that have VNNI would only become slower. ARM ignores it.
            self.options.add_session_config_entry(*EXACT_PRODUCTS)

    def load(self, model):
        """Read ``model``, a path or the bytes of a file; inputs and outputs are known from now."""
        given = _path_or_content(model)
        self.session = self._session_of(given, self.options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(map(_onnx_tensor, self.session.get_inputs()))
        self.outputs = tuple(map(_onnx_tensor, self.session.get_outputs()))
        self._output_names = [output.name for output in self.outputs]

    def feed(self, tensor):
        """Set the first input."""
        self._feeds = {self.inputs[0].name: tensor}

    def run(self):
        self._found = self.session.run(self._output_names, self._feeds)

    def output(self, number=0):
        """An output of the last run, by its place in ``outputs``."""
        return self._found[number]


def new_session(runtime, threads, keep_activations=False):
    """A session of ``runtime`` that has loaded nothing yet; ImportError where it is missing.

    ``keep_activations``: every tensor of a .tflite file can be read after a run.
    """
    if runtime not in PACKAGE_OF:
        raise ValueError(f"runtime {runtime!r}; expected one of {', '.join(PACKAGE_OF)}")
    if runtime in IN_PYTHON["onnx"]:
        return OnnxSession(threads)
    return TfliteSession(runtime, threads, keep_activations)


def open_session(runtime, model, threads=1, keep_activations=False):
    """``model``, a path or the bytes of a file, ready to be fed and run.

    ImportError where the runtime is missing; whatever the runtime raises where it refuses the file.
    """
    session = new_session(runtime, threads, keep_activations)
    session.load(model)
    if session.prepare:
        session.prepare()
    return session


def _path_or_content(model):
    """``model`` as the runtimes take it: a path, or the content of a file; the latter also where
    the path is no UTF-8, which they refuse."""
    if isinstance(model, bytes):
        return model
    path = os.fspath(model)
    try:
        path.encode()
    except UnicodeEncodeError:
        with open(path, "rb") as file:
            return file.read()
    return path


def _tensor(detail):
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    quantization = (scale, zero_point) if scale else None
    return Tensor(detail["name"], shape, np.dtype(detail["dtype"]), quantization)


def _onnx_tensor(value):
    sizes = [size if isinstance(size, int) else 0 for size in value.shape]
    return Tensor(value.name, (sizes[0] or 1, *sizes[1:]) if sizes else (), _dtype(value), None)


def _dtype(value):
    """The element type of "tensor(float)" and its like; None of a sequence or of strings."""
    name = value.type[len("tensor(") : -1]
    try:
        return np.dtype({"float": "float32", "double": "float64"}.get(name, name))
    except TypeError:
        return None
