"""Images on their way to a runner."""

import numpy as np
from tiny_models import write_images

from bench.engine.shards import Batches
from models.data.dataset import open_dataset
from models.data.image_source import ImageSize


def test_batches_hold_every_image_once_in_order(tmp_path):
    write_images(tmp_path / "data.npz", n=600)
    data = open_dataset(str(tmp_path / "data.npz"), "DATA", ImageSize(8, 8, 3), 3)
    indices, pixels = [], []
    batches = Batches(data, np.arange(600), tmp_path / "batch", batch_bytes=1)
    for batch in batches:
        assert len(list((tmp_path / "batch").iterdir())) == len(batch.shards) == 1
        indices.extend(batch.indices)
        pixels.extend(np.load(batch.shards[0]))
    assert indices == list(range(600)) == [i for batch in batches for i in batch.indices]
    assert np.array_equal(pixels, np.load(tmp_path / "data.npz")["x"])
