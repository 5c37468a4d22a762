"""A .tflite or .onnx file as a network: described for its measurement, or to export from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from models.command_line.errors import RequestError
from models.keras_files import float_graph
from models.keras_files.model_outputs import pictures
from models.keras_files.output_kind import Meaning, settled
from models.model_files.model_file import ModelFile
from models.network import Network
from models.networks import input_scaling
from models.networks.input_scaling import InputScaling
from models.networks.output_tensor import ROW_NAMES, VALUES, OutputTensor, file_names
from models.onnx_files.onnx_file import OnnxFile
from models.opened_file import open_model_file, reference_name
from models.tflite_files.tflite_file import TfliteFile

NOT_TOLD = Meaning(VALUES, "the file does not tell", is_sure=False)


@dataclass(frozen=True, eq=False)
class FileNetwork:
    """A file as the thing that a network computes with."""

    file: TfliteFile | OnnxFile

    @property
    def function(self):
        """The function of an .onnx file that the converter traces; None of a .tflite file."""
        return self.file.function if isinstance(self.file, OnnxFile) else None

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """By the file itself, in its own runtime."""
        return self.file.predict(images)

    def float_graph(self) -> bytes:
        """The .tflite file itself, or the .onnx file converted."""
        self.file.check_float()
        if self.function is None:
            return self.file.content
        size = self.file.size
        return float_graph.convert(self.function, size.height, size.width, size.channels)


def load(path: Path, resolution: int | None = None, logits: bool = False) -> Network:
    """The float network in the file at ``path``, without its final activation for ``logits``.

    RequestError, in one line, for a file from which no others can be made.
    """
    file = open_model_file(path, resolution)
    file.check_float()
    return described(file.without_final_activation() if logits else file)


def described(file: ModelFile) -> Network:
    """The meaning of the image and the outputs of a file of any arithmetic."""
    return _Description(file).network()


@dataclass(frozen=True, eq=False)
class _Description:
    file: ModelFile

    def network(self) -> Network:
        kinds = [meaning.kind for meaning in self._meanings]
        names = file_names([end.name for end in self.file.outputs])
        if len(kinds) == 1:
            names = [ROW_NAMES.get(kinds[0], VALUES)]
        outputs = tuple(
            OutputTensor(name, self._shape(end), kind)
            for name, end, kind in zip(names, self.file.outputs, kinds, strict=True)
        )
        model = FileNetwork(self.file)
        return Network(
            model,
            self.file.size,
            outputs,
            self._scaling,
            self._meanings[0].reason,
            reference=reference_name(self.file.path),
        )

    def _shape(self, end) -> tuple[int, ...]:
        """The shape for one image, without the batch."""
        batch, *sizes = end.shape or (0,)
        if batch != 1 or not sizes or 0 in sizes:
            raise RequestError(
                f"'{self.file.path}' has an output of shape {list(end.shape)}; expected a fixed "
                "number of values for each image: [1, classes] or [1, height, width, channels]"
            )
        return tuple(sizes)

    @cached_property
    def _scaling(self) -> InputScaling:
        if self.file.preprocess is not None:
            return InputScaling(*self.file.preprocess)
        return input_scaling.judge(self.file.values_ahead())

    @cached_property
    def _meanings(self) -> list[Meaning]:
        kind = self.file.output_kind
        if kind is not None:
            return [Meaning(kind, f"the file ends in {self.file.last_kind}")]
        size = self.file.size
        images = pictures(size.height, size.width, size.channels, self._scaling.preprocess)
        rows, start, found = self.file.predict(images), 0, []
        for end in self.file.outputs:
            size = int(np.prod(self._shape(end)))
            found.append(settled(NOT_TOLD, rows[:, start : start + size]))
            start += size
        return found
