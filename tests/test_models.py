"""Our definitions against ``keras.applications``: same layers, same numbers, any width and size."""

import resource

import numpy as np
import pytest

from models.command_line.errors import RequestError
from models.networks import mobilenet_v1, registry
from models.networks.channels import round_to_8, truncate
from models.networks.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("fresh_keras")

V1_V2_ALPHAS = (0.25, 0.5, 0.75, 1.0)
V3_ALPHAS = (0.75, 1.0)
V3 = ("v3-large", "v3-small", "v3-large-minimalistic", "v3-small-minimalistic")
ALPHAS = {"v1": V1_V2_ALPHAS, "v2": V1_V2_ALPHAS, **dict.fromkeys(V3, V3_ALPHAS)}
MOBILENETS = ("v1-quant-friendly", *ALPHAS)
# Two that are multiples of 32 and two that are not, with a top and without.
ENDS = ((75, True), (96, False), (128, True), (100, False))


def cases():
    """Every width of each architecture, with a top and without: the two meet nowhere in
    the code. The narrowest and the widest are quick."""
    for arch, alphas in ALPHAS.items():
        for alpha, (size, top) in zip(alphas, ENDS, strict=False):
            yield pytest.param(
                arch, alpha, size, top,
                id=f"{arch}-{alpha}-{size}-{'top' if top else 'notop'}",
                marks=() if alpha in (alphas[0], alphas[-1]) else pytest.mark.slow,
            )  # fmt: skip


def reference(spec: ModelSpec):
    """The same network from ``keras.applications``, with random weights."""
    from keras import applications

    kwargs = {
        "input_shape": (spec.resolution, spec.resolution, 3),
        "alpha": spec.alpha,
        "include_top": spec.include_top,
        "weights": None,
    }
    if spec.include_top:
        kwargs |= {"classes": spec.classes, "classifier_activation": spec.output_activation}
    if spec.arch == "v1":
        return applications.MobileNet(**kwargs)
    if spec.arch == "v2":
        return applications.MobileNetV2(**kwargs)
    size = "Large" if "large" in spec.arch else "Small"
    build = getattr(applications, f"MobileNetV3{size}")
    minimalistic = "minimalistic" in spec.arch
    return build(**kwargs, minimalistic=minimalistic, include_preprocessing=False)


def randomized(weights: list[np.ndarray], names: list[str], seed: int) -> list[np.ndarray]:
    """Weights of the same shapes: He-scaled kernels, and statistics far from the identity."""
    rng = np.random.default_rng(seed)
    made = []
    for weight, name in zip(weights, names, strict=True):
        if "kernel" in name:
            fan_in = np.prod(weight.shape[: 2 if "depthwise" in name else -1])
            made.append(rng.normal(0, np.sqrt(2 / fan_in), weight.shape))
        elif name in ("gamma", "moving_variance"):
            made.append(rng.uniform(0.5, 1.5, weight.shape))
        else:
            made.append(rng.normal(0, 0.2, weight.shape))
    return [array.astype(np.float32) for array in made]


def weighted(model):
    return [(layer.name, type(layer).__name__) for layer in model.layers if layer.weights]


def run(model, images):
    return np.asarray(model(images, training=False))


@pytest.mark.parametrize(("arch", "alpha", "size", "top"), cases())
def test_same_weights_give_the_outputs_of_keras_applications(arch, alpha, size, top):
    spec = ModelSpec(arch, alpha=alpha, resolution=size, classes=10, include_top=top)
    built, applications = registry.build(spec), reference(spec)
    assert weighted(built) == weighted(applications)
    values = randomized(
        applications.get_weights(), [w.name for w in applications.weights], seed=size
    )
    built.set_weights(values)
    applications.set_weights(values)

    images = np.random.default_rng(1).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    expected, got = run(applications, images), run(built, images)

    assert got.shape == expected.shape
    assert np.ptp(expected) > 1e-4, "outputs all alike would prove nothing"
    assert np.abs(got - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(
    ("arch", "published"),
    [("v1", 4_253_864), ("v2", 3_538_984), ("v3-large", 5_507_432), ("v3-small", 2_554_968)],
)
def test_parameter_counts_are_the_published_ones(arch, published):
    assert registry.build(ModelSpec(arch)).count_params() == published


EXTREMES = ((0.1, 32, 1), (1.4, 512, 2), (0.02, 33, 1000), (1.3, 75, 10))


def extreme_cases():
    """A narrow and a wide form of every architecture; the first of them is quick."""
    for i, arch in enumerate(MOBILENETS):
        for j in range(2):
            marks = (pytest.mark.slow,) if j else ()
            yield pytest.param(arch, *EXTREMES[(i + j) % len(EXTREMES)], marks=marks)


@pytest.mark.parametrize(("arch", "alpha", "size", "classes"), extreme_cases())
def test_any_width_size_and_number_of_classes_builds(arch, alpha, size, classes):
    model = registry.build(ModelSpec(arch, alpha=alpha, resolution=size, classes=classes))
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, classes)


@pytest.mark.parametrize("arch", ["v1", "v2", "v3-small"])
def test_classes_decide_the_last_activation_and_logits_leave_it_out(arch):
    images = np.random.default_rng(2).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    outputs = {}
    for classes, logits in ((3, False), (3, True), (1, False)):
        spec = ModelSpec(arch, alpha=0.25, resolution=32, classes=classes, logits=logits)
        model = registry.build(spec)
        if classes == 3:
            weights = outputs.setdefault("weights", model.get_weights())
            model.set_weights(weights)
        outputs[classes, logits] = run(model, images)
    exponents = np.exp(outputs[3, True])
    expected = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs[3, False], expected, atol=1e-6)
    assert ((outputs[1, False] > 0) & (outputs[1, False] < 1)).all()
    assert abs(outputs[1, False] - 1).max() > 1e-6, "softmax of one class would be all ones"


def test_channels_round_to_multiples_of_eight_never_far_below():
    assert [round_to_8(c) for c in (1, 8, 11.9, 12, 16 * 1.4, 32 * 0.35, 1280 * 1.4)] == [
        8, 8, 16, 16, 24, 16, 1792,
    ]  # fmt: skip
    for channels in np.arange(1, 2000, 0.7):
        rounded = round_to_8(channels)
        assert rounded % 8 == 0
        assert rounded >= 0.9 * channels


def test_v1_channels_are_cut_not_rounded():
    assert [truncate(c) for c in (32 * 0.1, 64 * 0.7, 0.64)] == [3, 44, 1]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"alpha": 0}, "ALPHA is 0"),
        ({"alpha": -0.5}, "ALPHA is -0.5"),
        ({"alpha": float("nan")}, "ALPHA is nan"),
        ({"alpha": 33}, "ALPHA is 33"),
        ({"alpha": 1e308}, "ALPHA is 1e.308"),
        ({"resolution": 0}, "RES is 0"),
        ({"resolution": 31}, "RES is 31"),
        ({"resolution": 513}, "RES is 513"),
        ({"classes": 0}, "CLASSES is 0"),
        ({"classes": 2**31 - 1}, "CLASSES is 2147483647"),
    ],
)
def test_a_network_that_cannot_be_is_refused_naming_the_variable(wrong, named):
    with pytest.raises(RequestError, match=named) as caught:
        ModelSpec("v2", **wrong)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("wrong", [{"alpha": 30}, {"classes": 2**20}])
def test_a_network_too_large_for_a_file_gets_no_memory(wrong):
    """Of weights alone these would need 5 GB and more."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RequestError, match=r"ARCH=v2 ALPHA=.* parameters; expected at most"):
        registry.build(ModelSpec("v2", **wrong))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 2**20  # KiB


def test_an_unknown_architecture_is_refused_naming_the_known_ones():
    with pytest.raises(RequestError) as caught:
        registry.build(ModelSpec("v9"))
    assert all(arch in str(caught.value) for arch in ("'v9'", *registry.ARCHITECTURES))


def test_the_quantization_friendly_form_has_a_bare_depthwise_convolution_and_no_ceiling():
    model = registry.build(ModelSpec("v1-quant-friendly", alpha=0.25, resolution=32, classes=3))
    for i in range(1, len(mobilenet_v1.TABLE) + 1):
        (after,) = model.get_layer(f"conv_dw_{i}").output._keras_history.operation._outbound_nodes
        assert after.operation.name == f"conv_pw_{i}"
    rectifiers = [layer for layer in model.layers if type(layer).__name__ == "ReLU"]
    assert len(rectifiers) == 14 and all(layer.max_value is None for layer in rectifiers)
    plain = registry.build(ModelSpec("v1", alpha=0.25, resolution=32, classes=3))
    depthwise_norms = sum(
        4 * plain.get_layer(f"conv_dw_{i}_bn").gamma.shape[0] for i in range(1, 14)
    )
    assert plain.count_params() - model.count_params() == depthwise_norms
