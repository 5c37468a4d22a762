"""A user's own classifier in any usual form loads and keeps its numbers."""

import subprocess
import sys

import numpy as np
import pytest
from user_models import (
    KINDS,
    ends_in_an_operation,
    keras_parts,
    logits_only,
    nested_head,
    one_sigmoid,
    random_images,
    reshaped_after_softmax,
    run,
    saved,
    sequential,
    small,
)

from models.keras_files.user_model import load_user_model, without_final_activation

pytestmark = pytest.mark.usefixtures("fresh_keras")

QUICK = {(sequential, ".keras"), (one_sigmoid, ".h5"), (one_sigmoid, "folder")}
FORMS = (".keras", ".h5", "folder")


def converted_from(builder):
    """The form that a kind is converted from: each kind once, each form as often as the others."""
    return FORMS[(list(KINDS).index(builder) + 1) % len(FORMS)]


def every_kind():
    """Each kind of classifier in one form, and a few in others."""
    return [
        pytest.param(
            builder, form, id=f"{builder.__name__}-{form}",
            marks=() if (builder, form) in QUICK else pytest.mark.slow,
        )
        for builder in KINDS
        for form in FORMS
        if form == converted_from(builder) or (builder, form) in QUICK
    ]  # fmt: skip


def run_tflite(content, images):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    outputs = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(outputs)


def assert_converts(found, model, images, expected):
    from models.keras_files.float_graph import convert

    content = convert(model, found.height, found.width, found.channels)
    np.testing.assert_allclose(run_tflite(content, images), expected, atol=1e-4)


@pytest.mark.parametrize(("builder", "form"), every_kind())
def test_every_kind_of_classifier_loads_and_converts_to_the_same_numbers(builder, form, tmp_path):
    original = builder()
    found = load_user_model(saved(original, form, tmp_path))

    shape = (found.height, found.width, found.channels, found.classes)
    assert (*shape, found.output_kind, found.scaling.preprocess) == KINDS[builder]
    images = random_images(found)
    expected = run(original, images)
    assert np.ptp(expected) > 1e-4, "outputs all alike would prove nothing"
    np.testing.assert_allclose(run(found.keras_model, images), expected, atol=1e-4)
    logits = run(without_final_activation(found.keras_model), images)
    if found.output_kind == "softmax":
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        restored = exponents / exponents.sum(axis=1, keepdims=True)
    else:
        restored = 1 / (1 + np.exp(-logits)) if found.output_kind == "sigmoid" else logits
    np.testing.assert_allclose(restored, expected, atol=1e-4)
    if form == converted_from(builder):
        assert_converts(found, found.keras_model, images, expected)
        assert_converts(found, without_final_activation(found.keras_model), images, logits)


@pytest.mark.parametrize("builder", [reshaped_after_softmax, nested_head, ends_in_an_operation])
def test_logits_are_found_through_reshapes_nested_heads_and_operations(builder):
    model = builder()
    images = np.random.default_rng(5).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    before = run(model, images)
    stripped = without_final_activation(model)
    logits = run(stripped, images)
    exponents = np.exp(logits)
    np.testing.assert_allclose(exponents / exponents.sum(1, keepdims=True), before, atol=1e-6)
    assert (logits < 0).any()
    np.testing.assert_array_equal(run(model, images), before)


def test_a_model_that_gives_logits_is_left_as_it_is():
    model = logits_only()
    assert without_final_activation(model) is model


def test_lists_and_dicts_of_one_tensor_become_the_tensor(tmp_path):
    keras, _ = keras_parts()
    model = small()
    for name, inputs, output in (
        ("lists", model.inputs, [model.output]),
        ("dicts", dict.fromkeys(["photo"], model.input), {"row": model.output}),
    ):
        path = tmp_path / f"{name}.keras"
        keras.Model(inputs, output).save(path)
        found = load_user_model(path)
        images = random_images(found)
        np.testing.assert_allclose(run(found.keras_model, images), run(model, images), atol=1e-6)


def test_importing_the_modules_imports_no_tensorflow():
    code = (
        "import sys, models.keras_files.user_model, models.keras_files.saved_model\n"
        "import models.weights.load_weights, models.weights.imagenet_weights\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
