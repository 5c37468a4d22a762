"""SqueezeNet 1.0 and 1.1: the published sizes, and files that one scale of a concatenation fits."""

import numpy as np
import pytest
from commands import outcomes
from in_process import call

from export.artifact import Manifest
from models.command_line.errors import RequestError
from models.networks import registry
from models.networks.spec import MIN_RESOLUTION, ModelSpec
from models.weights import random_weights
from models.weights.load_weights import load_weights
from quantize.graph.delegate import Partitions
from quantize.graph.graph import Graph

BOTH = ("squeezenet", "squeezenet1.0")

pytestmark = pytest.mark.usefixtures("fresh_keras")


def build(arch, **kwargs):
    return registry.build(ModelSpec(arch, **kwargs))


def sizes(model):
    """[side, channels] of the stem, of each pooling and fire module, and of the classifier."""
    kept = ("conv1", "pool", "concat")
    return [
        tuple(layer.output.shape[2:])
        for layer in model.layers
        if any(part in layer.name for part in kept) and "global" not in layer.name
    ]


@pytest.mark.parametrize(("arch", "published"), [(BOTH[0], 1_235_496), (BOTH[1], 1_248_424)])
def test_parameter_counts_are_the_published_ones(arch, published):
    assert build(arch).count_params() == published


def test_maps_of_1_0_have_the_sizes_of_the_papers_table_1():
    assert sizes(build("squeezenet1.0", resolution=227)) == [
        (111, 96), (55, 96),
        (55, 128), (55, 128), (55, 256), (27, 256),
        (27, 256), (27, 384), (27, 384), (27, 512), (13, 512),
        (13, 512), (13, 1000),
    ]  # fmt: skip


def test_maps_of_1_1_have_the_sizes_of_torchvision():
    assert sizes(build("squeezenet")) == [
        (111, 64), (55, 64),
        (55, 128), (55, 128), (27, 128),
        (27, 256), (27, 256), (13, 256),
        (13, 384), (13, 384), (13, 512), (13, 512), (13, 1000),
    ]  # fmt: skip


@pytest.mark.parametrize("arch", BOTH)
def test_pooling_keeps_the_window_over_the_edge(arch):
    """As Caffe and torchvision (``ceil_mode``) do: from an even map, its last row and column are
    the maximum of two; from an odd one nothing is added."""
    for resolution in (MIN_RESOLUTION, 37, 43):  # each pooling has even and odd maps among these
        model = build(arch, resolution=resolution, classes=2)
        for layer in model.layers:
            if layer.name.startswith("pool"):
                before, after = layer.input.shape[1], layer.output.shape[1]
                assert after == -(-(before - 3) // 2) + 1
        if resolution == MIN_RESOLUTION:
            assert model.output_shape == (None, 2)


def test_the_window_over_the_edge_begins_where_the_others_lead():
    import keras

    model = build("squeezenet1.0", resolution=32, classes=2)  # conv1: 13, pool1: 6, pool4: 3
    pool = next(layer for layer in model.layers if layer.name == "pool4")
    assert pool.input.shape[1:3] == (6, 6)
    values = np.arange(36, dtype=np.float32).reshape(1, 6, 6, 1)
    found = np.asarray(pool(keras.ops.convert_to_tensor(values)))[0, :, :, 0]
    wanted = [[values[0, i : i + 3, j : j + 3].max() for j in (0, 2, 4)] for i in (0, 2, 4)]
    np.testing.assert_array_equal(found, wanted)


def test_the_answer_is_the_mean_of_rectified_maps():
    model = build("squeezenet", resolution=32, classes=5, logits=True)
    random_weights.fill(model)
    names = [layer.name for layer in model.layers if layer.weights]
    assert names[-1] == "conv10" and model.get_layer("conv10").activation.__name__ == "relu"
    images = np.random.default_rng(1).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    found = np.asarray(model(images))
    assert found.shape == (4, 5) and (found >= 0).all() and np.ptp(found) > 0.1


def test_one_class_and_no_top_build():
    assert build("squeezenet", resolution=64, classes=1).output_shape == (None, 1)
    assert build("squeezenet", resolution=64, include_top=False).output_shape == (None, 3, 3, 512)


def test_weights_of_one_version_do_not_pass_for_the_other(tmp_path):
    built = build("squeezenet", resolution=32, classes=3)
    built.save_weights(path := tmp_path / "x.weights.h5")
    load_weights(build("squeezenet", resolution=32, classes=3), path)
    with pytest.raises(RequestError, match=r"conv1 is \(3, 3, 3, 64\) in the file"):
        load_weights(build("squeezenet1.0", resolution=32, classes=3), path)


def test_a_width_is_refused():
    with pytest.raises(RequestError, match="ALPHA=1"):
        build("squeezenet", alpha=0.5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    work = tmp_path_factory.mktemp("squeezenet")
    arguments = ("--res", "64", "--classes", "10", "--logits", "--weights", "random")
    done = call(
        "export", "--arch", "squeezenet", *arguments, "--n-calib", "32", "--out", "out", cwd=work
    )
    assert done.returncode == 0, done.stderr
    return work / "out" / "squeezenet-1-64-random-logits"


@pytest.mark.slow
def test_all_six_files_load_everywhere_and_answer_as_keras(exported):
    artifacts = Manifest.read(exported).artifacts
    assert len(artifacts) == 6
    for artifact in artifacts:
        assert outcomes(artifact.loads_in) == {"ok"}
        assert artifact.fidelity.cosine > (0.99 if artifact.scheme == "int8" else 0.99999)
        if artifact.format == "tflite":
            assert artifact.partitions == Partitions(1, {})


@pytest.mark.slow
def test_a_concatenation_and_what_it_reads_have_one_scale_and_need_no_requantization(exported):
    graph = Graph((exported / "int8.tflite").read_bytes())
    assert "QUANTIZE" not in graph.op_histogram
    found = 0
    for kind, inputs, outputs in graph.operators():
        if kind == "CONCATENATION":
            maps = {
                (float(q.scale[0]), int(q.zero_point[0]))
                for q in map(graph.quantization, (*inputs, *outputs))
            }
            assert len(maps) == 1
            found += 1
    assert found == 8
