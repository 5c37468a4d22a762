"""A Keras model as the thing that a network computes with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.command_line.errors import RequestError
from models.keras_files import float_graph

BATCH = 32
BATCH_VALUES = BATCH * 128 * 128 * 3  # of the images of a batch at most: what layers make is larger


@dataclass(frozen=True, eq=False)
class KerasNetwork:
    """``keras_model`` maps float32 [n, height, width, channels] to one tensor [n, ...], or to a
    structure of several."""

    keras_model: object
    height: int
    width: int
    channels: int

    @property
    def function(self):
        """The function that TensorFlow's converter traces."""
        return self.keras_model

    def predict(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Outputs float32 [n, k] of preprocessed images [h, w, c]: of several outputs one after the
        other, each flattened."""
        import keras

        outputs = []
        size = max(1, min(BATCH, BATCH_VALUES // images[0].size))
        for start in range(0, len(images), size):
            batch = np.stack(images[start : start + size])
            filled = len(batch)
            if filled < size and start:  # one shape for all batches: another is traced again
                batch = np.concatenate([batch, np.zeros((size - filled, *batch.shape[1:]), "f")])
            made = keras.tree.flatten(self.keras_model.predict_on_batch(batch))
            rows = [np.asarray(each).reshape(len(each), -1)[:filled] for each in made]
            if any(len(row) != filled for row in rows):
                raise RequestError(
                    f"Keras gives {min(map(len, rows))} rows of outputs for {filled} images; "
                    "expected one row an image: a layer of the model computes with the axis of the "
                    "batch"
                )
            outputs.append(np.concatenate(rows, axis=1))
        return np.concatenate(outputs).astype(np.float32)

    def float_graph(self) -> bytes:
        """A float32 .tflite of batch 1, as TensorFlow's converter makes it."""
        return float_graph.convert(self.keras_model, self.height, self.width, self.channels)
