"""Training for int8: the int8 network learns to answer as the float one, or as labels say.

The float network is the teacher, so images need no labels (Polino et al. 2018, arXiv 1802.05668).
Adam with a learning rate for each kind of variable, which falls by a cosine; what counts are moving
averages of the variables, and of these the nearest to the teacher on images held out.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.command_line import progress
from models.command_line.progress import Report
from quantize.graph.graph import Graph
from quantize.simulation.simulation import Simulation
from quantize.training import loss
from quantize.training.augmentation import Variations, varied
from quantize.training.saved_training import Progress, SavedTraining
from quantize.training.trainable_int8 import TrainableInt8
from quantize.training.training_set import TrainingSet

SEED = 0
MOMENTUM = 0.95  # gradients of few images are noisy
WARM_UP = 16  # steps until a learning rate is what it should be
CHECKS = 16  # how often the held-out images are looked at, evenly spread over the steps
KEPT_AVERAGE = 0.95  # of a moving average, by each step
ENDS_OF = 64  # images that tell the range of values


class Training:
    """One training of ``graph``, an int8 form of ``floats``, with the float ``teacher``.

    ``of_classes``: as in ``loss.distances``, for both graphs. ValueError for an operator without a
    gradient.
    """

    def __init__(
        self, graph: Graph, floats: Graph, teacher: Graph, data: TrainingSet, of_classes: bool
    ) -> None:
        import keras
        import tensorflow as tf

        self.data, self._of_classes = data, of_classes
        self._int8, self._teacher = TrainableInt8(graph, floats, data.images), Simulation(teacher)
        parts = [
            (self._int8.weights, data.rates.weights),
            (self._int8.biases, data.rates.biases),
            (self._int8.steps, data.rates.ranges),
        ]
        self._parts = [(part, rate, keras.optimizers.Adam(rate, MOMENTUM, beta_2=0.99))
                       for part, rate in parts if part]  # fmt: skip
        for part, _, optimizer in self._parts:
            optimizer.build(part)
        self._averages = [tf.Variable(variable) for variable in self._int8.variables]
        some = data.images[:: max(1, len(data.images) // ENDS_OF)]
        self._ends = float(some.min()), float(some.max())
        self._compiled_step = tf.function(self._one_step, reduce_retracing=True)
        self._compiled_distances = tf.function(self._distances, reduce_retracing=True)
        self._saved = SavedTraining(data, graph, floats, teacher)
        self._done, self._best_step = 0, 0
        self._best = [variable.numpy() for variable in self._int8.variables]
        self._distance = math.inf

    def run(self, report: Report = progress.quiet) -> tuple[Graph, tuple[str, ...]]:
        """The trained int8 graph (as it was, where nothing is better), and a sentence where a value
        was not finite: it is the best until then."""
        self._resume()
        began, first, notes = time.monotonic(), self._done, ()
        while self._done < self.data.steps:
            if fault := self._step():
                notes = (fault,)
                break
            if self._done % self._between == 0 or self._done == self.data.steps:
                self._check()
            left_s = (time.monotonic() - began) / (self._done - first)
            left_s *= self.data.steps - self._done
            report(f"distillation, {left_s / 60:.0f} min left, step", self._done, self.data.steps)
        _assign(self._int8.variables, self._best)
        self._saved.forget()
        return (self._int8.trained() if self._best_step else self._int8.graph), notes

    @property
    def _between(self) -> int:
        """Steps from one check to the next."""
        return max(1, self.data.steps // CHECKS)

    def _step(self) -> str | None:
        """Take one step; a sentence where it could not be, as something is not finite."""
        import tensorflow as tf

        chosen = self.data.drawn(self._done)
        rng = np.random.default_rng((SEED, self._done))
        channels = self.data.images.shape[-1]
        drawn = Variations.drawn(rng, len(chosen), channels, mixed=self.data.labels is None)
        images = tf.constant(np.float32(self.data.images[chosen]))
        images = varied(images, drawn, *self._ends)
        share = min(1, (self._done + 1) / WARM_UP)
        share *= (1 + math.cos(math.pi * self._done / self.data.steps)) / 2
        for _, rate, optimizer in self._parts:
            optimizer.learning_rate.assign(rate * share)
        if not bool(self._compiled_step(images, self._labels(chosen))):
            name = self._int8.first_not_finite(images) or "the gradient of the loss"
            return (
                f"training stopped after {self._done} of {self.data.steps} steps, as "
                f"{name} is not finite; the best until then, after "
                f"{self._best_step} steps, is kept"
            )
        self._done += 1
        return None

    def _one_step(self, images, labels):
        """Change the variables, if the loss and all gradients are finite; whether they are."""
        import tensorflow as tf

        variables = self._int8.variables
        with tf.GradientTape() as tape:
            total = tf.reduce_mean(self._distances(images, labels))
        slopes = tape.gradient(total, variables, unconnected_gradients="zero")
        norms = [tf.reduce_sum(tf.abs(slope)) for slope in slopes]
        finite = tf.math.is_finite(total + tf.add_n(norms))
        if finite:
            of_part = dict(zip((variable.ref() for variable in variables), slopes, strict=True))
            for part, _, optimizer in self._parts:
                optimizer.apply([of_part[variable.ref()] for variable in part])
            for average, variable in zip(self._averages, variables, strict=True):
                average.assign(KEPT_AVERAGE * average + (1 - KEPT_AVERAGE) * variable)
        return finite

    def _check(self) -> None:
        """Look at the held-out images with the averages, and keep them if they are the best."""
        values = [variable.numpy() for variable in self._int8.variables]
        if self._distance == math.inf:
            _assign(self._int8.variables, self._best)
            self._distance = self._of_held_out()
        averages = [average.numpy() for average in self._averages]
        _assign(self._int8.variables, averages)
        distance = self._of_held_out()
        if distance < self._distance:
            self._best, self._best_step, self._distance = averages, self._done, distance
        _assign(self._int8.variables, values)
        state = [variable.numpy() for variable in self._all]
        self._saved.write(Progress(self._done, state, self._best, self._best_step, self._distance))

    def _of_held_out(self) -> float:
        """The mean distance of the held-out images."""
        import tensorflow as tf

        found, chosen = [], self.data.held_out
        for start in range(0, len(chosen), self.data.batch):
            part = chosen[start : start + self.data.batch]
            images = tf.constant(np.float32(self.data.images[part]))
            found.append(self._compiled_distances(images, self._labels(part)).numpy())
        return float(np.concatenate(found).mean(dtype=np.float64))

    def _labels(self, chosen: np.ndarray):
        """Those of the ``chosen`` images; none where the teacher is learned from."""
        import tensorflow as tf

        labels = self.data.labels
        return tf.constant(np.zeros(0, np.int64) if labels is None else labels[chosen])

    def _distances(self, images, labels):
        """The loss of each image."""
        found = self._int8.outputs(images)
        if self.data.labels is not None:
            return loss.of_labels(labels, found[-1])
        wanted = self._teacher.outputs(images)
        return loss.distances(wanted, found, self._of_classes, self._int8.lowest_output)

    @property
    def _all(self) -> list:
        """Everything that a training which goes on needs."""
        optimizers = [variable for *_, optimizer in self._parts for variable in optimizer.variables]
        return [*self._int8.variables, *self._averages, *optimizers]

    def _resume(self) -> None:
        found = self._saved.read()
        if found is None or len(found.values) != len(self._all):
            return
        _assign(self._all, found.values)
        self._done, self._best, self._best_step = found.step, list(found.best), found.best_step
        self._distance = found.distance


def train(
    graph: Graph,
    floats: Graph,
    teacher: Graph,
    data: TrainingSet,
    of_classes: bool,
    report: Report = progress.quiet,
) -> tuple[Graph, tuple[str, ...]]:
    """As ``Training.run``, with fewer images a step where memory runs out, which a sentence says.

    MemoryError where not even one image at a time fits.
    """
    import tensorflow as tf

    notes: tuple[str, ...] = ()
    while True:
        try:
            found, more = Training(graph, floats, teacher, data, of_classes).run(report)
            return found, (*notes, *more)
        except tf.errors.ResourceExhaustedError as error:
            if data.batch == 1:
                raise MemoryError("training does not fit in memory, one image at a time") from error
            data = replace(data, batch=data.batch // 2)
            notes = (f"memory ran out in training: {data.batch} images a step",)


def _assign(variables: Sequence, values: Sequence) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
