"""Small networks of random architecture, width and input size, trained on Fashion-MNIST.

Network ``number`` of a ``seed`` is the same whatever else is drawn. Weights are kept in a folder:
a network that is there is not trained again.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line.progress import Report
from models.networks import demo, registry
from models.networks.spec import MIN_RESOLUTION, ModelSpec

ARCHITECTURES = (
    "v1", "v1-quant-friendly", "v2", "v3-small", "v3-large", "v3-small-minimalistic",
    "v3-large-minimalistic", "v4-conv-small", "squeezenet", "shufflenet-v1", "shufflenet-v2",
)  # fmt: skip
LARGEST_RESOLUTION = 64
SMALLEST_ALPHA, LARGEST_ALPHA = 0.25, 0.6  # wider ones take many minutes to train
# Without batch norms a network stays where it begins at the rate of the others.
PEAK_RATES = {"squeezenet": 1e-3}
PEAK_RATE = 3e-3
REPORTED_STEPS = 100


@dataclass(frozen=True)
class RandomNetwork:
    """A network of the registry, and the ``seed`` of its first weights and its images."""

    spec: ModelSpec
    seed: tuple[int, int]

    @property
    def name(self) -> str:
        spec = self.spec
        return "-".join(map(str, (spec.arch, f"{spec.alpha:g}", spec.resolution, *self.seed)))


def draw(number: int, seed: int) -> RandomNetwork:
    """Each architecture once before any of them a second time; all else at random."""
    turn, place = divmod(number, len(ARCHITECTURES))
    arch = np.random.default_rng((seed, 0, turn)).permutation(ARCHITECTURES)[place].item()
    random = np.random.default_rng((seed, 1, number))
    defined = registry.ARCHITECTURES[arch].alphas
    defined = [alpha for alpha in defined if alpha <= LARGEST_ALPHA] or defined
    alpha = random.choice(defined) if defined else random.uniform(SMALLEST_ALPHA, LARGEST_ALPHA)
    resolution = int(random.integers(MIN_RESOLUTION, LARGEST_RESOLUTION + 1))
    spec = ModelSpec(arch, round(float(alpha), 2), resolution, len(demo.CLASSES))
    return RandomNetwork(registry.check(spec), (seed, number))


def weights(network: RandomNetwork, steps: int, folder: Path, show: Report) -> Path:
    """The file of the network's weights after so many training ``steps``, trained where it is not
    in ``folder`` yet."""
    path = folder / f"{network.name}-{steps}-steps.weights.h5"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial-{path.name}")
        _trained(network, steps, show).save_weights(partial)
        partial.replace(path)
    return path


def _trained(network: RandomNetwork, steps: int, show: Report):
    """A Keras model that saw ``steps`` batches, as the demo checkpoints see them."""
    import keras

    from models.training import fashion_mnist, train

    keras.utils.clear_session()
    keras.utils.set_random_seed(int(np.random.default_rng(network.seed).integers(2**31)))
    spec = network.spec
    images, labels = fashion_mnist.load("train")
    peak = PEAK_RATES.get(spec.arch, PEAK_RATE)
    model = train.compiled(spec, train.Stage(spec.resolution, 1, peak, 0.0), steps)
    first_epoch = 1000 * network.seed[1]  # other shifts and another order for each network
    shown = itertools.chain.from_iterable(
        train.augmented_epoch(images, labels, epoch) for epoch in itertools.count(first_epoch)
    )

    def after_batch(batch: int, logs) -> None:
        if batch % REPORTED_STEPS == 0:
            show(f"training {network.name}, step", batch, steps)

    reporting = keras.callbacks.LambdaCallback(on_train_batch_end=after_batch)
    data = train.batches(shown, spec.resolution)
    model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[reporting])
    plain = registry.build(spec)  # without the optimizer's variables
    plain.set_weights(model.get_weights())
    return plain
