"""An opened .onnx file of one image: its ends, and its outputs in ONNX Runtime."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.command_line.storable import storable
from models.data.image_source import ImageSize
from models.model_files.model_file import (
    CHANNELS,
    End,
    image_size,
    in_order,
    is_channels_first,
    one_line,
    pixel_scaling,
)
from models.networks.spec import Preprocess
from models.onnx_files.arithmetic_of import check_float, scheme_of
from models.onnx_files.fixed_shape import fix_shape
from models.onnx_files.tensorflow_function import TensorflowFunction, constants, image_input

THREADS = 2
ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
PASSING = (
    "QuantizeLinear", "DequantizeLinear", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze",
    "Cast", "Dropout",
)  # fmt: skip
KERNELS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "ConvInteger")


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """``model``: the ModelProto, its image of batch 1 and fixed size; ``is_whole`` where it is all
    that the file holds, so that ONNX Runtime opens the file itself."""

    path: Path
    model: object
    is_whole: bool = True

    @classmethod
    def open(cls, path: Path, resolution: int | None = None) -> "OnnxFile":
        """RequestError, in one line, for what is no .onnx file of one image. ``resolution``: the
        size of the image where the file leaves it open."""
        import onnx

        try:
            model = onnx.load(path)
            given = constants(model)  # of the shapes that they are said to have
            inputs = [one for one in model.graph.input if one.name not in given]
            _check_names(model.graph)
        except Exception as error:  # whatever the reader of a damaged file runs into
            raise RequestError(
                f"'{path}' cannot be read as an .onnx file ({type(error).__name__}: "
                f"{one_line(error)}); get it again, with the files of its weights beside it"
            ) from error
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs) or "none"
            raise RequestError(f"'{path}' has {len(inputs)} inputs ({names}); expected one image")
        if not model.graph.output:
            raise RequestError(f"'{path}' has no output")
        fix_shape(path, inputs[0], resolution)
        return cls(path, model)

    @cached_property
    def image(self) -> End:
        return self._end(image_input(self.model))

    @cached_property
    def outputs(self) -> tuple[End, ...]:
        """Their shapes as ONNX Runtime makes them: a file may leave them open, or say others."""
        size = (self.size.height, self.size.width, self.size.channels)
        found = self._run(self._session(), np.zeros(size, np.float32))
        return tuple(
            replace(self._end(described), shape=np.shape(made))
            for described, made in zip(self.model.graph.output, found, strict=True)
        )

    def _end(self, described) -> End:
        from onnx import helper

        tensor = described.type.tensor_type
        dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        shape = tuple(int(dim.dim_value) for dim in tensor.shape.dim)
        affine = None if dtype.startswith("float") else self._affine(described.name)
        return End(described.name, shape, dtype, affine)

    def _affine(self, name: str) -> tuple[float, int] | None:
        """Scale and zero point of the (de)quantizing node at that input or output."""
        for node in self.model.graph.node:
            reads = node.op_type == "DequantizeLinear" and node.input[0] == name
            writes = node.op_type == "QuantizeLinear" and node.output[0] == name
            if (reads or writes) and node.input[1] in self._constants:
                scale = self._constants[node.input[1]]
                zero = self._constants.get(node.input[2]) if len(node.input) > 2 else None
                return float(scale), 0 if zero is None else int(zero)
        return None

    @cached_property
    def _constants(self) -> dict[str, np.ndarray]:
        return constants(self.model)

    @cached_property
    def channels_first(self) -> bool:
        """True where it reads [n, c, h, w], as networks from PyTorch do."""
        shape = self.image.shape
        if (shape[1] in CHANNELS) != (shape[3] in CHANNELS):
            return is_channels_first(shape)
        readers = [one for one in self.model.graph.node if self.image.name in one.input]
        return not any(one.op_type == "Transpose" for one in readers)

    @property
    def size(self) -> ImageSize:
        return image_size(self.image.shape, self.channels_first)

    @property
    def scheme(self) -> str:
        return scheme_of(self.model)

    @property
    def preprocess(self) -> tuple[Preprocess, str] | None:
        """From the scale of an 8-bit image."""
        found = pixel_scaling(self.image)
        return found and (found, f"that is what the file's {self.image.dtype} image stands for")

    def check_float(self) -> None:
        check_float(self.path, self.model, self.image)
        self.function.check()

    @cached_property
    def function(self) -> TensorflowFunction:
        """The network as TensorFlow computes it."""
        return TensorflowFunction(self.model, self.channels_first, str(self.path))

    @cached_property
    def final_activation(self):
        """The Softmax or Sigmoid that ends it, a NodeProto; None where another node does."""
        node = self._last if len(self.outputs) == 1 else None
        return node if node is not None and node.op_type in ACTIVATIONS else None

    @cached_property
    def _made_by(self) -> dict:
        return {name: node for node in self.model.graph.node for name in node.output}

    @cached_property
    def _last(self):
        node = self._made_by.get(self.model.graph.output[0].name)
        while node is not None and node.op_type in PASSING:
            node = self._made_by.get(node.input[0])
        return node

    @property
    def last_kind(self) -> str:
        return self._last.op_type if self._last is not None else "its image"

    @cached_property
    def output_kind(self) -> str | None:
        """Told by its last node where that is a softmax, a sigmoid, or a layer without an
        activation whose output is a row."""
        if self.final_activation is not None:
            return ACTIVATIONS[self.final_activation.op_type]
        node = self._last
        if node is not None and node.op_type == "Add":  # the bias of a MatMul
            node = next((self._made_by[n] for n in node.input if n in self._made_by), None)
        is_layer = node is not None and node.op_type in KERNELS and len(self.outputs) == 1
        shape = self.outputs[0].shape
        return "logits" if is_layer and int(np.prod(shape)) == max(shape, default=1) else None

    def without_final_activation(self) -> "OnnxFile":
        """The same file with its softmax or sigmoid left out. RequestError where it has none."""
        if self.output_kind == "logits":
            return self
        if self.final_activation is None:
            raise RequestError(
                f"LOGITS is 1, and '{self.path}' ends in no Softmax or Sigmoid that could be left "
                "out; leave LOGITS out"
            )
        model = type(self.model)()
        model.CopyFrom(self.model)
        (name,) = self.final_activation.output
        node = next(one for one in model.graph.node if name in one.output)
        node.op_type = "Identity"
        del node.attribute[:]
        return replace(self, model=model, is_whole=False)

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """By ONNX Runtime, on the file itself."""
        session, rows = self._session(), []
        for image in images:
            ends = zip(self._run(session, image), self.outputs, strict=True)
            rows.append(np.concatenate([end.real(found) for found, end in ends]))
        return np.stack(rows)

    def values_ahead(self) -> Callable[[float], np.ndarray] | None:
        """Read as an output of the file, cut off there."""
        reached, read = {self.image.name}, None
        for node in self.model.graph.node:
            if node.op_type in KERNELS and node.input[0] in reached:
                read = node.input[0]
                break
            if reached & set(node.input):
                reached |= set(node.output)
        size = (self.size.height, self.size.width, self.size.channels)
        if read is None:
            return None
        if read == self.image.name:
            return lambda level: np.full(size, level, np.float32)
        model = type(self.model)()
        model.CopyFrom(self.model)
        del model.graph.output[:]
        model.graph.output.add().name = read
        cut = replace(self, model=model, is_whole=False)
        session = cut._session()
        return lambda level: cut._run(session, np.full(size, level, np.float32))[0]

    def _session(self):
        # Otherwise it writes into the home directory on import, and calls its maker.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.log_severity_level = 4
        path = str(self.path)
        opens_it = self.is_whole and path == storable(path)  # it refuses names that are no UTF-8
        given = path if opens_it else self.model.SerializeToString()
        try:
            return onnxruntime.InferenceSession(given, options, ["CPUExecutionProvider"])
        except Exception as error:  # whatever ONNX Runtime finds wrong
            raise self._refused(error) from error

    def _run(self, session, image: np.ndarray) -> list[np.ndarray]:
        fed = self.image.stored(in_order(image, self.channels_first))[None]
        try:
            return session.run(None, {self.image.name: fed})
        except Exception as error:  # whatever ONNX Runtime runs into
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> RequestError:
        return RequestError(f"ONNX Runtime cannot run '{self.path}': {one_line(error)}")


def _check_names(graph) -> None:
    """ValueError for names that are no UTF-8, which the reader gives as bytes."""
    names = [one.name for one in (*graph.input, *graph.output, *graph.initializer)]
    names += [
        name
        for node in graph.node
        for name in (node.op_type, node.domain, *node.input, *node.output)
    ]
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise ValueError(f"the name {wrong[0]!r} is no text")
