"""An opened .tflite file of one image: its ends, and its outputs in LiteRT."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.data.image_source import ImageSize
from models.model_files.model_file import (
    End,
    image_size,
    in_order,
    is_channels_first,
    one_line,
    pixel_scaling,
)
from models.networks.spec import Preprocess
from models.tflite_files import file_metadata
from models.tflite_files.arithmetic import scheme_of
from models.tflite_files.fixed_shape import fixed_shape, has_open_shapes, with_image_shape
from models.tflite_files.float_check import check_float
from models.tflite_files.object_tree import ObjectTree

THREADS = 2
KERNELS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "CONV_3D",
)  # fmt: skip
PASSING = ("QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")
ACTIVATIONS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """``content``: the file's bytes, with an image of batch 1 and fixed size."""

    path: Path
    content: bytes

    @classmethod
    def open(cls, path: Path, resolution: int | None = None) -> "TfliteFile":
        """RequestError, in one line, for what is no .tflite file of one image. ``resolution``: the
        size of the image where the file leaves it open."""
        content = path.read_bytes()
        tree = ObjectTree.read(path, content)
        inputs = [int(i) for i in tree.subgraph.inputs]
        if len(inputs) != 1:
            names = ", ".join(tree.name(i) for i in inputs) or "none"
            raise RequestError(f"'{path}' has {len(inputs)} inputs ({names}); expected one image")
        if not len(tree.subgraph.outputs):
            raise RequestError(f"'{path}' has no output")
        shape = fixed_shape(path, tree, resolution)
        if shape != tree.shape(inputs[0]) or has_open_shapes(tree):
            content = with_image_shape(path, content, shape)
        return cls(path, content)

    @cached_property
    def tree(self) -> ObjectTree:
        return ObjectTree.read(self.path, self.content)

    @cached_property
    def image(self) -> End:
        return self._end(self.tree.subgraph.inputs[0])

    @cached_property
    def outputs(self) -> tuple[End, ...]:
        return tuple(self._end(i) for i in self.tree.subgraph.outputs)

    def _end(self, index: int) -> End:
        tree = self.tree
        dtype = tree.dtype(index)
        affine = None if dtype.startswith("float") else tree.affine(index)
        return End(tree.name(index), tree.shape(index), dtype, affine)

    @cached_property
    def channels_first(self) -> bool:
        """True where it reads [1, c, h, w], as networks from PyTorch do."""
        return is_channels_first(self.image.shape)

    @property
    def size(self) -> ImageSize:
        return image_size(self.image.shape, self.channels_first)

    @property
    def scheme(self) -> str:
        return scheme_of(self.tree)

    @cached_property
    def preprocess(self) -> tuple[Preprocess, str] | None:
        """From its metadata, or from the scale of an 8-bit image."""
        if found := file_metadata.normalization(self.tree.model):
            return found, "the file's metadata says so"
        found = pixel_scaling(self.image)
        return found and (found, f"that is what the file's {self.image.dtype} image stands for")

    @cached_property
    def final_activation(self):
        """The SOFTMAX or LOGISTIC that ends it, an operator; None where another one does."""
        operator = self._last if len(self.outputs) == 1 else None
        return operator if operator and self.tree.kind(operator) in ACTIVATIONS else None

    @cached_property
    def _last(self):
        operator = self.tree.producer(int(self.tree.subgraph.outputs[0]))
        while operator is not None and self.tree.kind(operator) in PASSING:
            operator = self.tree.producer(int(operator.inputs[0]))
        return operator

    @property
    def last_kind(self) -> str:
        return self.tree.kind(self._last) if self._last else "its image"

    @cached_property
    def output_kind(self) -> str | None:
        """Told by its last operator where that is a softmax, a sigmoid, or a layer without an
        activation whose output is a row."""
        if self.final_activation is not None:
            return ACTIVATIONS[self.tree.kind(self.final_activation)]
        if len(self.outputs) != 1 or self.last_kind not in KERNELS:
            return None
        shape = self.outputs[0].shape
        is_row = int(np.prod(shape)) == max(shape, default=1)
        fused = getattr(self._last.builtinOptions, "fusedActivationFunction", 0)
        return "logits" if is_row and not fused else None

    def without_final_activation(self) -> "TfliteFile":
        """The same file ended before its softmax or sigmoid. RequestError where it has none."""
        if self.output_kind == "logits":
            return self
        if self.final_activation is None:
            raise RequestError(
                f"LOGITS is 1, and '{self.path}' ends in no softmax or sigmoid that could be left "
                "out; leave LOGITS out"
            )
        tree = ObjectTree.read(self.path, self.content)
        at = next(n for n, one in enumerate(self.tree.operators) if one is self.final_activation)
        gone = tree.operators[at]
        before, after = int(gone.inputs[0]), int(gone.outputs[0])

        def redirected(tensors: Sequence[int]) -> list[int]:
            return [before if int(i) == after else int(i) for i in tensors]

        for operator in tree.operators:
            operator.inputs = redirected(operator.inputs)
        tree.subgraph.outputs = redirected(tree.subgraph.outputs)
        tree.subgraph.operators = [one for one in tree.operators if one is not gone]
        tree.model.signatureDefs = []
        return replace(self, content=tree.packed())

    def check_float(self) -> None:
        check_float(self.path, self.tree)

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """By LiteRT's plain kernels: XNNPACK's are those of the files that are verified."""
        interpreter = self._interpreter()
        found = [one["index"] for one in interpreter.get_output_details()]
        rows = []
        for image in images:
            self._run(interpreter, image)
            ends = zip(found, self.outputs, strict=True)
            rows.append(np.concatenate([end.real(interpreter.get_tensor(n)) for n, end in ends]))
        return np.stack(rows)

    def values_ahead(self) -> Callable[[float], np.ndarray] | None:
        """Read from a run that keeps every tensor."""
        tree, size = self.tree, self.size
        first = next((one for one in tree.computed() if tree.kind(one) in KERNELS), None)
        if first is None:
            return None
        read = tree.reads(first)[0]
        interpreter = self._interpreter(keep=True)

        def ahead(level: float) -> np.ndarray:
            shape = size.height, size.width, size.channels
            self._run(interpreter, np.full(shape, level, np.float32))
            return interpreter.get_tensor(read)

        return ahead

    def _interpreter(self, keep: bool = False):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        try:
            interpreter = Interpreter(
                model_content=self.content,
                num_threads=THREADS,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=keep,
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise RequestError(f"LiteRT cannot run '{self.path}': {one_line(error)}") from error
        return interpreter

    def _run(self, interpreter, image: np.ndarray) -> None:
        fed = self.image.stored(in_order(image, self.channels_first))[None]
        try:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], fed)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise RequestError(f"LiteRT cannot run '{self.path}': {one_line(error)}") from error
