"""The embedded images, and checkpoints that are as good as we say."""

from dataclasses import replace

import numpy as np
import pytest

from models.command_line.options import Options
from models.data.dataset import open_dataset
from models.data.image_source import ImageSize
from models.data.preprocessing import preprocessed
from models.networks import demo
from models.source import resolve
from quantize.evaluate.output_comparison import predictions

WANTED_TOP1 = 0.925
IMAGES = 2000  # of 10,000; as many of each class
MAX_BYTES = 15_000_000


def top1(arch):
    network = resolve(Options(arch=arch)).load()
    images = open_dataset("demo", "DATA", network.size, network.classes)
    chosen = images.spread(IMAGES)
    predicted = []
    for some in np.array_split(chosen, 4):
        chunk = [preprocessed(x, network.preprocess) for _, x in images.images(some)]
        predicted.append(predictions(network.model.predict(chunk), network.output_kind))
    return np.mean(np.concatenate(predicted) == images.labels[chosen])


@pytest.mark.slow
@pytest.mark.parametrize("arch", demo.SPECS)
def test_checkpoint_names_the_test_images_rightly(arch):
    if not demo.checkpoint(arch).exists():
        pytest.skip(f"the demo checkpoint of {arch} is not trained yet: make train ARCH={arch}")
    assert top1(arch) >= WANTED_TOP1


def test_checkpoints_stay_small():
    assert sum(f.stat().st_size for f in demo.FOLDER.glob("*.weights.h5")) <= MAX_BYTES


def test_both_forms_of_v1_are_of_one_size_so_that_their_int8_compares():
    plain, friendly = demo.SPECS["v1"], demo.SPECS["v1-quant-friendly"]
    assert replace(friendly, arch="v1") == plain


def test_all_official_test_images_and_512_others_to_calibrate_on_are_there():
    size = ImageSize(96, 96, 3)
    evaluation, calibrate = (open_dataset("demo", role, size, 10) for role in ("DATA", "CALIB"))
    assert len(evaluation) == 10_000
    assert np.bincount(evaluation.labels).tolist() == [1000] * 10
    assert len(calibrate) == 512
