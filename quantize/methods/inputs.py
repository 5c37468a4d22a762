"""The inputs of every command here: a network, its float graph, and two sets of images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.command_line import progress
from models.command_line.advice import options_line
from models.command_line.options import Options
from models.network import Network
from quantize.graph import layer_names
from quantize.graph.broken_weights import check_weights
from quantize.graph.graph import Graph
from quantize.graph.network_graph import network_graph
from quantize.methods.chosen_images import check_images, choose_images
from quantize.methods.plan import Plan, has_random_weights
from quantize.methods.training_images import check_training, choose_training
from quantize.passes import bottleneck_split
from quantize.training.training_set import TrainingSet

EVALUATION_IMAGES = 256  # on 64, the SQNR of one and the same file moves by 1 to 2 dB
LISTING = "quantize.sensitivity"  # prints the names of all layers


@dataclass(frozen=True)
class Inputs:
    """A request, resolved. Images are preprocessed, float32 [n, h, w, c], and stay on disk.

    ``calibrated_on``: the name of their set. ``labels``: int64 [n] of the images to evaluate
    on; None where they are not known. ``learned``: figures of accuracy mean something.
    ``training``: what int8 is trained on, if it is.
    """

    model_id: str
    network: Network
    graph: Graph
    calibration: np.ndarray
    calibrated_on: str
    evaluation: np.ndarray
    labels: np.ndarray | None
    plan: Plan
    learned: bool
    training: TrainingSet | None = None


def prepare(asked: Options, scratch: Path, images: int, now: progress.Report) -> Inputs:
    """Load, open and convert what ``asked`` names; RequestError for what cannot be.

    ``scratch``: a folder for the images. ``images``: how many to evaluate on without N_EVAL.
    """
    from models.data import saved_images
    from models.source import resolve

    source = resolve(asked)
    plan = Plan.of(asked.methods, source, asked.keep_float)
    check_images(asked, source, "quantize")
    check_training(asked, plan)
    now("loading the network")
    network = source.load()
    size = network.size
    classes = (network.classes or None) if source.labels_known else None
    chosen = choose_images(asked, source, size, classes, "quantize")
    training = choose_training(asked, plan, source, size, classes, chosen)
    for line in chosen.notes:
        progress.note(line)
    calib, evaluation = chosen.calibration, chosen.evaluation
    seen = chosen.calibration_indices
    evaluated = evaluation.spread(asked.n_eval or images, chosen.evaluable)
    saved_images.save(scratch / "calibration.npy", calib, seen, network.preprocess)
    target = scratch / "evaluation.npy"
    evaluated = saved_images.save(target, evaluation, evaluated, network.preprocess)
    opened = training.save(scratch, network.preprocess).opened() if training else None
    now("converting to the float graph")
    whole = network_graph(network)
    check_weights(whole)
    graph = bottleneck_split.split(whole, asked.split).graph
    layer_names.find(graph, plan.keep_float, options_line(LISTING, asked, "keep_float"))
    return Inputs(
        model_id=source.model_id,
        network=network,
        graph=graph,
        calibration=np.load(scratch / "calibration.npy", mmap_mode="r"),
        calibrated_on=calib.name,
        evaluation=np.load(scratch / "evaluation.npy", mmap_mode="r"),
        labels=evaluation.labels[evaluated] if classes is not None else None,
        plan=plan,
        learned=not has_random_weights(source),
        training=opened,
    )
