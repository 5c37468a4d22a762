"""Limits of the rows of the registry, and the meaning of no WEIGHTS; without TensorFlow."""

import pytest

from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.networks import demo, registry
from models.networks.registry import Architecture
from models.networks.spec import ModelSpec
from models.registry_source import resolve


@pytest.fixture
def limited(monkeypatch):
    """The name of an architecture that its paper defines for two widths, from 71 pixels on."""
    row = Architecture(build=None, resolution=299, min_resolution=71, alphas=(0.5, 1.0))
    monkeypatch.setitem(registry.ARCHITECTURES, "limited", row)
    return "limited"


def refusal(**asked):
    with pytest.raises(RequestError) as caught:
        resolve(Options(**asked))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_width_that_the_paper_does_not_define_is_refused_naming_those_it_does(limited):
    message = refusal(arch=limited, alpha=0.75)
    assert message == "ALPHA is 0.75; limited is defined for ALPHA=0.5 or ALPHA=1"
    with pytest.raises(RequestError, match="defined for ALPHA="):
        registry.build(ModelSpec(limited, alpha=0.75, resolution=299))


def test_an_input_too_small_for_every_layer_is_refused_naming_the_smallest(limited):
    message = refusal(arch=limited, res=70)
    assert "RES is 70" in message and "at least 71 pixels" in message and "RES=299" in message
    assert resolve(Options(arch=limited, res=71)).spec.resolution == 71


def test_an_architecture_without_a_demo_checkpoint_defaults_to_random_weights(limited):
    source = resolve(Options(arch=limited))
    assert source.spec == ModelSpec(limited, 1.0, 299, 1000)
    assert source.model_id == "limited-1-299-random"
    assert source.identity()["weights"] == "random"
    assert not source.labels_known
    assert "every accuracy figure is n/a" in source.warnings[0]
    assert source == resolve(Options(arch=limited, weights="random"))


def test_an_architecture_with_a_demo_checkpoint_defaults_to_it():
    source = resolve(Options(arch="v2"))
    assert source.identity()["weights"] == "demo"
    assert source.weights_path == demo.checkpoint("v2")
    assert source.labels_known
    assert source == resolve(Options(arch="v2", weights="demo"))


def test_every_architecture_has_the_width_and_size_that_it_defaults_to():
    for arch, row in registry.ARCHITECTURES.items():
        registry.check(ModelSpec(arch, resolution=row.resolution))


@pytest.mark.parametrize("arch", demo.SPECS)
def test_a_demo_checkpoint_is_of_a_network_that_there_is(arch):
    assert registry.check(demo.SPECS[arch]) == demo.SPECS[arch]
