"""The recipe of the demo checkpoints: ``make train ARCH=v2`` runs it, seeded.

Progressive resolution (most epochs see small images, the last ones the real size), random shift
and mirror, label smoothing, AdamW with one cosine per stage. State is kept after every epoch, so
an interrupted run goes on where it stopped.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.command_line import command
from models.command_line.errors import RequestError
from models.command_line.numbers import whole_number
from models.command_line.options import OneLineParser
from models.networks import demo
from models.networks.spec import ModelSpec, Preprocess
from models.training import compact_weights, fashion_mnist

SEED = 20261122
BATCH = 64
SHIFT = 2  # pixels of the 28 x 28 original
LABEL_SMOOTHING = 0.1
WEIGHT_DECAY = 0.02


@dataclass(frozen=True)
class Stage:
    """``epochs`` at one input ``resolution``; the learning rate falls from its peak by a cosine."""

    resolution: int
    epochs: int
    peak_learning_rate: float
    final_learning_rate: float


STAGES = (
    Stage(64, 10, 1e-2, 1e-3),
    Stage(demo.RESOLUTION, 5, 3e-3, 0.0),
)


def augmented_epoch(images: np.ndarray, labels: np.ndarray, epoch: int):
    """Batches of shifted and mirrored uint8 images [BATCH, 28, 28] with their labels."""
    rng = np.random.default_rng((SEED, epoch))
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    order = rng.permutation(len(images))
    side = np.arange(images.shape[1])
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        rows = rng.integers(0, 2 * SHIFT + 1, (BATCH, 1)) + side
        columns = rng.integers(0, 2 * SHIFT + 1, (BATCH, 1)) + side
        mirrored = rng.random((BATCH, 1)) < 0.5
        columns = np.where(mirrored, columns[:, ::-1], columns)
        yield padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]], labels[chosen]


def batches(source, resolution: int):
    """``source`` as a tf.data set of preprocessed float32 images and one-hot labels."""
    import tensorflow as tf

    preprocess = Preprocess()

    def prepare(image, label):
        image = tf.image.resize(tf.cast(image[..., None], tf.float32), [resolution, resolution])
        image = tf.repeat(image * preprocess.scale + preprocess.offset, 3, axis=-1)
        return image, tf.one_hot(label, len(demo.CLASSES))

    signature = (tf.TensorSpec([None, 28, 28], tf.uint8), tf.TensorSpec([None], tf.uint8))
    data = tf.data.Dataset.from_generator(lambda: source, output_signature=signature)
    return data.map(prepare).prefetch(4)


def build(arch: str, stage: Stage, images_per_epoch: int):
    """The compiled network of ``arch`` at the stage's resolution."""
    spec = replace(demo.SPECS[arch], resolution=stage.resolution)
    return compiled(spec, stage, stage.epochs * (images_per_epoch // BATCH))


def compiled(spec: ModelSpec, stage: Stage, steps: int):
    """The network of ``spec``, ready for so many training ``steps`` at the stage's rates."""
    import keras

    from models.networks import registry
    from models.training import fused_norm

    model = fused_norm.fuse(registry.build(spec))
    warmup = steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=stage.peak_learning_rate / 25,
        decay_steps=steps - warmup,
        alpha=stage.final_learning_rate / stage.peak_learning_rate,
        warmup_target=stage.peak_learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def train(
    arch: str,
    images: np.ndarray,
    labels: np.ndarray,
    state: Path,
    stages: tuple[Stage, ...] = STAGES,
):
    """The network of ``arch`` trained on uint8 images [n, 28, 28] and their labels.

    The folder ``state`` keeps what an interrupted run needs to go on.
    """
    import keras

    from models.training import fused_norm

    keras.utils.set_random_seed(SEED)
    plan = [(stage, i) for stage in stages for i in range(stage.epochs)]
    state.mkdir(parents=True, exist_ok=True)
    saved = sorted(state.glob("epoch-*.keras"))
    model = None
    if saved:
        print(f"{arch}: resuming after epoch {len(saved)} of {len(plan)}", file=sys.stderr)
        model = keras.models.load_model(saved[-1], custom_objects=fused_norm.custom_objects())
    for epoch in range(len(saved), len(plan)):
        stage, i = plan[epoch]
        if i == 0:
            earlier = model.get_weights() if model else None
            model = build(arch, stage, len(images))
            if earlier:
                model.set_weights(earlier)
        print(f"{arch}: epoch {epoch + 1} of {len(plan)} at {stage.resolution} px", file=sys.stderr)
        data = batches(augmented_epoch(images, labels, epoch), stage.resolution)
        model.fit(data, steps_per_epoch=len(images) // BATCH)
        _replace(model.save, state / f"epoch-{epoch + 1:02}.keras")
    return model


def top1(model) -> float:
    """Share of the 10,000 official test images that ``model`` names rightly."""
    images, labels = fashion_mnist.load("t10k")
    source = ((images[i : i + 500], labels[i : i + 500]) for i in range(0, len(images), 500))
    found = model.evaluate(batches(source, demo.RESOLUTION), verbose=0, return_dict=True)
    return float(found["accuracy"])


def main(argv: Sequence[str]) -> int:
    """Train and store the demo checkpoint that ``argv`` names; the exit code."""
    return command.exit_code(
        lambda: _train(argv), "interrupted; run the same command to resume where it stopped"
    )


def _train(argv: Sequence[str]) -> None:
    parser = OneLineParser(prog="make train", description=__doc__)
    parser.add_argument("--arch", default="v2")
    parser.add_argument("--state", type=Path, default=Path(".cache/train"))
    parser.add_argument("--threads", type=whole_number("THREADS"), default=0, help="0: all cores")
    args = parser.parse_args(argv)
    if args.arch not in demo.SPECS:
        raise RequestError(
            f"ARCH is {args.arch!r}; expected one that has a demo checkpoint: "
            f"{' '.join(demo.SPECS)}"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from models.networks import registry

    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    model = train(args.arch, *fashion_mnist.load("train"), args.state / args.arch)
    print(f"{args.arch}: top-1 {top1(model):.2%} of the 10,000 test images")
    plain = registry.build(demo.SPECS[args.arch])  # without the optimizer's variables
    plain.set_weights(model.get_weights())
    _replace(lambda path: _save_compactly(plain, path), demo.checkpoint(args.arch))


def _save_compactly(model, path: Path) -> None:
    model.save_weights(path)
    compact_weights.rewrite(path)


def _replace(save: Callable[[Path], None], path: Path) -> None:
    """``save`` to ``path`` whole or not at all; Keras looks at the suffix, so that stays."""
    partial = path.with_name(f"partial-{path.name}")
    save(partial)
    partial.replace(path)
